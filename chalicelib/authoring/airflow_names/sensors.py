"""Import names of ``airflow.sensors``, and of 1.10's ``airflow.contrib.sensors``."""

from chalicelib.authoring.airflow_names.sources import (
    BASH_SENSOR,
    DATE_TIME_SENSOR,
    EXTERNAL_TASK_MARKER,
    EXTERNAL_TASK_SENSOR,
    FILE_SENSOR,
    PYTHON_SENSOR,
    SENSOR,
    TIME_DELTA_SENSOR,
    TIME_SENSOR,
    WEEKDAY_SENSOR,
    Modules,
)

MODULES: Modules = {
    "airflow.contrib.sensors.bash_sensor": [BASH_SENSOR],
    "airflow.contrib.sensors.file_sensor": [FILE_SENSOR],
    "airflow.contrib.sensors.python_sensor": [PYTHON_SENSOR],
    "airflow.contrib.sensors.weekday_sensor": [WEEKDAY_SENSOR],
    "airflow.sensors": ["sensors.base:BaseSensorOperator"],
    "airflow.sensors.base": [SENSOR],
    "airflow.sensors.base_sensor_operator": [SENSOR],
    "airflow.sensors.bash": [BASH_SENSOR],
    "airflow.sensors.date_time": [DATE_TIME_SENSOR],
    "airflow.sensors.date_time_sensor": [DATE_TIME_SENSOR],
    "airflow.sensors.external_task": [EXTERNAL_TASK_SENSOR, EXTERNAL_TASK_MARKER],
    "airflow.sensors.external_task_sensor": [EXTERNAL_TASK_SENSOR, EXTERNAL_TASK_MARKER],
    "airflow.sensors.filesystem": [FILE_SENSOR],
    "airflow.sensors.python": [PYTHON_SENSOR],
    "airflow.sensors.time_delta": [TIME_DELTA_SENSOR],
    "airflow.sensors.time_delta_sensor": [TIME_DELTA_SENSOR],
    "airflow.sensors.time_sensor": [TIME_SENSOR],
    "airflow.sensors.weekday": [WEEKDAY_SENSOR],
    "airflow.sensors.weekday_sensor": [WEEKDAY_SENSOR],
}
