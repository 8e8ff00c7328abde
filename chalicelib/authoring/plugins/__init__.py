"""Airflow's plugins: what a plugins folder registers, and the listeners that are called where tasks run."""
