"""User packages of a stage: a package that a DAG file needs, and what has come of it on the emulated AWS."""

from pathlib import Path

from chalicelib import aws
from tests.e2e.stage.project import STAGE, Project
from tests.integration.user_packages.wheels import write_wheel

DAG_ID = "e2e_user_packages"

_PACKAGE = "e2e_greetings"
_DAG = f"""
from datetime import UTC, datetime

import {_PACKAGE}
from airflow import DAG
from airflow.operators.python import PythonOperator


def greet():
    print("of the package:", {_PACKAGE}.VERSION, "from", {_PACKAGE}.__file__)


with DAG(dag_id="{DAG_ID}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    PythonOperator(task_id="greet", python_callable=greet)
"""


def ask_for_greetings(project: Project, version: str) -> None:
    """Have the DAGs folder ask for a version of a package, which a DAG file of it imports."""
    take_greetings_away(project)
    folder = _dags_folder(project)
    wheel = write_wheel(folder, _PACKAGE, version)
    (folder / "requirements.txt").write_text(f"./{wheel.name}\n")
    (folder / f"{DAG_ID}.py").write_text(_DAG)


def take_greetings_away(project: Project) -> None:
    """Have the DAGs folder ask for nothing."""
    folder = _dags_folder(project)
    for path in (*folder.glob("*.whl"), folder / "requirements.txt", folder / f"{DAG_ID}.py"):
        path.unlink(missing_ok=True)


def versions_of_the_layer(stage: str = STAGE) -> list[str]:
    """The ARNs of the versions that stand."""
    answer = aws.client("lambda").list_layer_versions(LayerName=f"updraft-{stage}-user-packages")
    return [each["LayerVersionArn"] for each in answer["LayerVersions"]]


def functions_with_layers() -> dict[str, list[str]]:
    """The layers of each function that has any, by the function's name."""
    functions = aws.client("lambda").list_functions()["Functions"]
    found = {each["FunctionName"]: [layer["Arn"] for layer in each.get("Layers", ())] for each in functions}
    return {name: layers for name, layers in found.items() if layers}


def _dags_folder(project: Project) -> Path:
    return project.directory / "chalicelib" / "dags"
