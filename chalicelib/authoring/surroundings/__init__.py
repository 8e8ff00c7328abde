"""What DAG files ask of Airflow around them: options, connections, variables, masked secrets."""
