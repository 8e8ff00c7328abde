"""How slots are spread over the shards of a pool, and Airflow's limits as pools."""
