"""Timetables of Airflow, as DAG files make and derive from them."""
