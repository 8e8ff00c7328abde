"""Uses of provider packages in DAG files, found without running any."""

from pathlib import Path

from chalicelib.authoring.loading.provider_uses import ProviderUse, provider_uses

FILE = """
import airflow.providers.cncf.kubernetes.operators.pod as pod
from airflow.providers.http.operators.http import HttpOperator, SimpleHttpOperator
from airflow.operators.postgres_operator import PostgresOperator
from airflow.operators.python import PythonOperator
from airflow.providers.standard.operators.bash import BashOperator

def later():
    from airflow.providers.amazon.aws.hooks.s3 import *
    raise SystemExit
"""


def use(package: str, module: str, name: str = "") -> ProviderUse:
    return ProviderUse(
        package=f"apache-airflow-providers-{package}", module=module, name=name, filename="dags/file.py"
    )


def test_imports_of_each_age_are_found_in_files_that_are_not_ignored(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "file.py").write_text(FILE)
    (tmp_path / "dags" / "broken.py").write_text("from airflow.providers.http import (")
    (tmp_path / "dags" / "ignored.py").write_text(FILE)
    (tmp_path / "dags" / "notes.txt").write_text(FILE)
    (tmp_path / ".airflowignore").write_text("ignored")
    assert provider_uses(tmp_path) == (
        use("amazon", "airflow.providers.amazon.aws.hooks.s3"),
        use("cncf-kubernetes", "airflow.providers.cncf.kubernetes.operators.pod"),
        use("http", "airflow.providers.http.operators.http", "HttpOperator"),
        use("http", "airflow.providers.http.operators.http", "SimpleHttpOperator"),
        use("postgres", "airflow.operators.postgres_operator", "PostgresOperator"),
    )
