"""The things that a DAG file makes: DAGs, tasks, groups, and their dependencies."""
