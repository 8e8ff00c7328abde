"""Tests over Airflow's own provider packages, which ``make providers`` installs into ``.providers``."""
