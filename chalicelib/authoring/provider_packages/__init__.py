"""Installed provider packages: what each says of itself, and what Airflow's managers of them give."""
