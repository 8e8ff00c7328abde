"""Datasets (Airflow 3 calls them assets): what changes them, and which DAGs run because of that."""
