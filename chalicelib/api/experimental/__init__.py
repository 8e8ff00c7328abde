"""Airflow's experimental API: its surface, its views, and the document that describes them."""
