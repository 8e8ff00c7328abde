"""Commands about DAGs and their runs: ``dags``, ``runs`` and ``simulate``; ``group`` has ``dags`` itself."""
