"""The version of Airflow that DAG files see."""

from chalicelib.settings import AIRFLOW_VERSION

version = __version__ = AIRFLOW_VERSION
