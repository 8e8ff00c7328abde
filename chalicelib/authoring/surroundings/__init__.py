"""Airflow's surroundings of a DAG file: options, connections, variables, masked secrets."""
