"""Airflow's import names, and what stands behind them."""
