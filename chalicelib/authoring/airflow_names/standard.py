"""Import names of ``airflow.providers.standard``: Airflow 3's place for the core's operators and sensors."""

from chalicelib.authoring.airflow_names.sources import (
    BASH,
    BASH_SENSOR,
    BRANCH,
    CURRENT_CONTEXT,
    DATE_TIME_SENSOR,
    EMPTY,
    LATEST_ONLY,
    PYTHON,
    PYTHON_SENSOR,
    SKIP,
    TIME_DELTA_SENSOR,
    TIME_SENSOR,
    VENV,
    WEEKDAY,
    WEEKDAY_SENSOR,
    Modules,
)

_DECORATORS = "taskflow.decorators"

MODULES: Modules = {
    "airflow.providers.standard.decorators.bash": [f"{_DECORATORS}:bash_task"],
    "airflow.providers.standard.decorators.branch_python": [f"{_DECORATORS}:branch_task"],
    "airflow.providers.standard.decorators.python": [f"{_DECORATORS}:python_task"],
    "airflow.providers.standard.decorators.sensor": [f"{_DECORATORS}:DecoratedSensorOperator sensor_task"],
    "airflow.providers.standard.decorators.short_circuit": [f"{_DECORATORS}:short_circuit_task"],
    "airflow.providers.standard.operators.bash": [BASH],
    "airflow.providers.standard.operators.branch": [BRANCH],
    "airflow.providers.standard.operators.empty": [EMPTY],
    "airflow.providers.standard.operators.latest_only": [LATEST_ONLY],
    "airflow.providers.standard.operators.python": [PYTHON, CURRENT_CONTEXT, VENV],
    "airflow.providers.standard.sensors.bash": [BASH_SENSOR],
    "airflow.providers.standard.sensors.date_time": [DATE_TIME_SENSOR],
    "airflow.providers.standard.sensors.python": [PYTHON_SENSOR],
    "airflow.providers.standard.sensors.time": [TIME_SENSOR],
    "airflow.providers.standard.sensors.time_delta": [TIME_DELTA_SENSOR],
    "airflow.providers.standard.sensors.weekday": [WEEKDAY_SENSOR],
    "airflow.providers.standard.utils.skipmixin": [SKIP],
    "airflow.providers.standard.utils.weekday": [WEEKDAY],
}
