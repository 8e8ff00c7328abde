"""DAGs as they are deployed, paused and unpaused."""
