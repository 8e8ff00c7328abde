"""The records of DAGs, runs and tries, and what is decided of a whole run."""
