"""Slots of pools, spread over shards, and Airflow's limits as pools."""
