"""What a DAG file makes: DAGs, tasks, groups, and what connects them."""
