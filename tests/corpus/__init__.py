"""DAG files of our own, one for each feature and some long ones, and how their runs end."""
