"""Import names of ``airflow.operators``."""

from chalicelib.authoring.airflow_names.sources import BASH, BRANCH, EMPTY, LATEST_ONLY, PYTHON, Modules

MODULES: Modules = {
    "airflow.operators": [],
    "airflow.operators.bash": [BASH],
    "airflow.operators.bash_operator": [BASH],
    "airflow.operators.branch": [BRANCH],
    "airflow.operators.branch_operator": [BRANCH],
    "airflow.operators.dummy": ["operators.empty:EmptyOperator=DummyOperator", EMPTY],
    "airflow.operators.dummy_operator": ["operators.empty:EmptyOperator=DummyOperator", EMPTY],
    "airflow.operators.empty": [EMPTY],
    "airflow.operators.latest_only": [LATEST_ONLY],
    "airflow.operators.latest_only_operator": [LATEST_ONLY],
    "airflow.operators.python": [PYTHON],
    "airflow.operators.python_operator": [PYTHON],
}
