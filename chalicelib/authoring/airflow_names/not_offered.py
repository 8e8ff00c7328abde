"""Names of Airflow's core that are not offered, with what to use instead.

A row counts for a module, for a name in one, and for all that is below it without a row of its own. A
name that is offered one day loses its row.
"""

from collections.abc import Mapping

_TRIGGER_BY_API = "let a task trigger the other DAG by the API (POST /api/experimental/dags/DAG_ID/dag_runs)"
_WAIT_BY_TRIGGER = "let the other DAG trigger this one as its last task, or put both into one DAG"
_GROUPS = "use TaskGroup"
_MAIL = "send it with smtplib, or with boto3's ses client, in a Python task"
_DATASETS = "give the DAG a schedule by the clock, or let its producer trigger it by the API"
_SCHEDULES = "give the DAG a cron text, a preset, a timedelta or None as schedule"
_RESCHEDULE = "use a sensor with mode='reschedule', which holds no compute while it waits"
_FUNCTIONS = "give the callback a function"
_REQUIREMENTS = "put the packages into requirements.txt and use PythonOperator or @task"
_PAGES = "there is no webserver: take pages, views and their security out"
_EXECUTORS = "leave it out: tasks run on Lambda, and [core] executor decides nothing"
_KUBERNETES = "start a pod with the kubernetes library in a Python task"
_CLI = "use the command line (python -m chalicelib) or the API"
_SERVERS = "leave it out: there is no such process"
_DATABASE = "there is no metadata database: ask the API, or keep what is needed in Variables and XComs"
_FILES = "read files with pathlib, S3 with boto3"
_BRANCHES = "use BranchPythonOperator or @task.branch with that condition"
_PYTHON_SENSOR = "use PythonSensor or @task.sensor with that condition"
_SQL = "call the database's own Python library in a Python task; apache-airflow-providers-common-sql has it"
_SDK = "it came with Airflow 3; do without it"

NOT_OFFERED: Mapping[str, str] = {
    "airflow.PY36": "leave it out: Python is 3.11 or later",
    "airflow.PY37": "leave it out: Python is 3.11 or later",
    "airflow.api": _CLI,
    "airflow.api.common.experimental.trigger_dag": _TRIGGER_BY_API,
    "airflow.api.common.trigger_dag": _TRIGGER_BY_API,
    "airflow.api_connexion": _PAGES,
    "airflow.api_fastapi": _PAGES,
    "airflow.assets": _DATASETS,
    "airflow.auth": _PAGES,
    "airflow.bin": _CLI,
    "airflow.cli": _CLI,
    "airflow.contrib.sensors.file_sensor": _PYTHON_SENSOR,
    "airflow.dag_processing": _SERVERS,
    "airflow.decorators.external_python": _REQUIREMENTS,
    "airflow.decorators.python_virtualenv": _REQUIREMENTS,
    "airflow.exceptions.TaskDeferred": _RESCHEDULE,
    "airflow.exceptions.TaskDeferralError": _RESCHEDULE,
    "airflow.executors": _EXECUTORS,
    "airflow.hooks.dbapi": _SQL,
    "airflow.hooks.dbapi_hook": _SQL,
    "airflow.hooks.filesystem": _FILES,
    "airflow.hooks.package_index": _REQUIREMENTS,
    "airflow.hooks.subprocess": "use subprocess of Python's library",
    "airflow.io": _FILES,
    "airflow.jobs": _SERVERS,
    "airflow.kubernetes": _KUBERNETES,
    "airflow.lineage.hook": "leave it out: hooks collect no lineage",
    "airflow.listeners.listener": "give the plugin listeners; they are called where tasks run",
    "airflow.logging_config": "log with logging.getLogger(__name__)",
    "airflow.metrics": "use airflow.stats.Stats, or CloudWatch by boto3",
    "airflow.migrations": _DATABASE,
    "airflow.models.base": _DATABASE,
    "airflow.models.crypto": "use the cryptography library's Fernet",
    "airflow.models.dataset": _DATASETS,
    "airflow.models.asset": _DATASETS,
    "airflow.notifications": _FUNCTIONS,
    "airflow.operators.bash.BashSensor": "import it from airflow.sensors.bash",
    "airflow.operators.check_operator": _SQL,
    "airflow.operators.dagrun_operator": _TRIGGER_BY_API,
    "airflow.operators.datetime": _BRANCHES,
    "airflow.operators.email": _MAIL,
    "airflow.operators.email_operator": _MAIL,
    "airflow.operators.generic_transfer": _SQL,
    "airflow.operators.python.BranchExternalPythonOperator": _REQUIREMENTS,
    "airflow.operators.python.BranchPythonVirtualenvOperator": _REQUIREMENTS,
    "airflow.operators.python.ExternalPythonOperator": _REQUIREMENTS,
    "airflow.operators.python.PythonVirtualenvOperator": _REQUIREMENTS,
    "airflow.operators.python_operator.PythonVirtualenvOperator": _REQUIREMENTS,
    "airflow.operators.sql": _SQL,
    "airflow.operators.subdag": _GROUPS,
    "airflow.operators.subdag_operator": _GROUPS,
    "airflow.operators.trigger_dagrun": _TRIGGER_BY_API,
    "airflow.operators.weekday": _BRANCHES,
    "airflow.policies": "leave it out: policies of airflow_local_settings are not called",
    "airflow.providers.standard.decorators": _REQUIREMENTS,
    "airflow.providers.standard.hooks": "use subprocess or pathlib of Python's library",
    "airflow.providers.standard.operators.datetime": _BRANCHES,
    "airflow.providers.standard.operators.hitl": "let a task wait for an answer with @task.sensor",
    "airflow.providers.standard.operators.python": _REQUIREMENTS,
    "airflow.providers.standard.operators.smooth": "use EmptyOperator",
    "airflow.providers.standard.operators.trigger_dagrun": _TRIGGER_BY_API,
    "airflow.providers.standard.operators.weekday": _BRANCHES,
    "airflow.providers.standard.sensors": _RESCHEDULE,
    "airflow.providers.standard.sensors.external_task": _WAIT_BY_TRIGGER,
    "airflow.providers.standard.sensors.filesystem": _PYTHON_SENSOR,
    "airflow.providers.standard.triggers": _RESCHEDULE,
    "airflow.providers_manager": "leave it out: Updraft does not load provider packages",
    "airflow.sdk": _SDK,
    "airflow.sdk.Asset": _DATASETS,
    "airflow.sdk.AssetAlias": _DATASETS,
    "airflow.sdk.AssetAll": _DATASETS,
    "airflow.sdk.AssetAny": _DATASETS,
    "airflow.sdk.AssetOrTimeSchedule": _DATASETS,
    "airflow.sdk.AssetWatcher": _DATASETS,
    "airflow.sdk.BaseNotifier": _FUNCTIONS,
    "airflow.sdk.CronDataIntervalTimetable": _SCHEDULES,
    "airflow.sdk.CronTriggerTimetable": _SCHEDULES,
    "airflow.sdk.DeltaDataIntervalTimetable": _SCHEDULES,
    "airflow.sdk.DeltaTriggerTimetable": _SCHEDULES,
    "airflow.sdk.EventsTimetable": _SCHEDULES,
    "airflow.sdk.Metadata": _DATASETS,
    "airflow.sdk.MultipleCronTriggerTimetable": _SCHEDULES,
    "airflow.sdk.ObjectStoragePath": _FILES,
    "airflow.sdk.asset": _DATASETS,
    "airflow.sdk.definitions.asset": _DATASETS,
    "airflow.sdk.io": _FILES,
    "airflow.secrets": "read secrets with boto3 (Secrets Manager, SSM), or set AIRFLOW_CONN_…, AIRFLOW_VAR_…",
    "airflow.security": _PAGES,
    "airflow.sensors.external_task": _WAIT_BY_TRIGGER,
    "airflow.sensors.external_task_sensor": _WAIT_BY_TRIGGER,
    "airflow.sensors.date_time.DateTimeSensorAsync": _RESCHEDULE,
    "airflow.sensors.filesystem": _PYTHON_SENSOR,
    "airflow.sensors.smart_sensor": "use the sensor itself: none holds compute between pokes",
    "airflow.sensors.sql": _SQL,
    "airflow.sensors.sql_sensor": _SQL,
    "airflow.sensors.time_delta.TimeDeltaSensorAsync": _RESCHEDULE,
    "airflow.sensors.time_delta.WaitSensor": _RESCHEDULE,
    "airflow.sensors.time_sensor.TimeSensorAsync": _RESCHEDULE,
    "airflow.sentry": "leave it out: nothing is sent to Sentry",
    "airflow.serialization": _SERVERS,
    "airflow.task.task_runner": _SERVERS,
    "airflow.template": "use airflow.utils.template.literal",
    "airflow.templates": "give the DAG user_defined_filters",
    "airflow.ti_deps": _SERVERS,
    "airflow.timetables": _SCHEDULES,
    "airflow.traces": "leave it out: no traces are made",
    "airflow.triggers": _RESCHEDULE,
    "airflow.utils.airflow_flask_app": _PAGES,
    "airflow.utils.cli": _CLI,
    "airflow.utils.db": _DATABASE,
    "airflow.utils.db_cleanup": _DATABASE,
    "airflow.utils.dot_renderer": "draw with the graphviz library",
    "airflow.utils.email": _MAIL,
    "airflow.utils.entry_points": "use importlib.metadata",
    "airflow.utils.file": "use pathlib",
    "airflow.utils.json": "use the json library",
    "airflow.utils.log": "log with logging.getLogger(__name__)",
    "airflow.utils.log.log_reader": "read a log with `tasks logs`",
    "airflow.utils.operator_helpers": "read the context with get_current_context()",
    "airflow.utils.process_utils": "use subprocess of Python's library",
    "airflow.utils.python_virtualenv": _REQUIREMENTS,
    "airflow.utils.serve_logs": _SERVERS,
    "airflow.utils.sqlalchemy": _DATABASE,
    "airflow.utils.state.JobState": _SERVERS,
    "airflow.utils.timeout": "give the task execution_timeout",
    "airflow.www": _PAGES,
    "airflow.www_rbac": _PAGES,
}
