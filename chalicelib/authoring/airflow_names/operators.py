"""Import names of ``airflow.operators``."""

from chalicelib.authoring.airflow_names.sources import (
    BASH,
    BRANCH,
    BRANCH_DATE_TIME,
    BRANCH_DAY_OF_WEEK,
    CURRENT_CONTEXT,
    DUMMY,
    EMAIL,
    EMPTY,
    LATEST_ONLY,
    OTHER_PYTHON,
    PYTHON,
    SUBDAG,
    TRIGGER_DAG_RUN,
    VENV,
    Modules,
)

MODULES: Modules = {
    "airflow.operators": [BASH, PYTHON, DUMMY, LATEST_ONLY],  # as Airflow 1.9 had them
    "airflow.operators.bash": [BASH],
    "airflow.operators.bash_operator": [BASH],
    "airflow.operators.branch": [BRANCH],
    "airflow.operators.branch_operator": [BRANCH],
    "airflow.operators.datetime": [BRANCH_DATE_TIME],
    "airflow.operators.dagrun_operator": [TRIGGER_DAG_RUN],
    "airflow.operators.dummy": [DUMMY, EMPTY],
    "airflow.operators.dummy_operator": [DUMMY, EMPTY],
    "airflow.operators.email": [EMAIL],
    "airflow.operators.email_operator": [EMAIL],
    "airflow.operators.empty": [EMPTY],
    "airflow.operators.latest_only": [LATEST_ONLY],
    "airflow.operators.latest_only_operator": [LATEST_ONLY],
    "airflow.operators.python": [PYTHON, OTHER_PYTHON, CURRENT_CONTEXT, VENV],
    "airflow.operators.python_operator": [PYTHON, OTHER_PYTHON, CURRENT_CONTEXT, VENV],
    "airflow.operators.subdag": [SUBDAG],
    "airflow.operators.subdag_operator": [SUBDAG],
    "airflow.operators.trigger_dagrun": [TRIGGER_DAG_RUN],
    "airflow.operators.weekday": [BRANCH_DAY_OF_WEEK],
}
