"""Paths of pages of Airflow's web server, as answers show them."""

from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from chalicelib import bootstrap


def dag_run_url(dag_id: str, execution_date: datetime) -> str:
    """The path of a run's page, behind the path of ``[webserver] base_url``; ``execution_date`` in UTC."""
    prefix = urlsplit(bootstrap.settings().base_url).path.rstrip("/")
    query = urlencode({"execution_date": str(execution_date)})
    return f"{prefix}/dags/{quote(dag_id)}/graph?{query}"
