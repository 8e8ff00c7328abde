"""Names of Airflow's core that are not offered, with what to use instead.

A row counts for a module, for a name in one, and for all that is below it without a row of its own. A
name that is offered one day loses its row.
"""

from collections.abc import Mapping

_SCHEDULES = "give the DAG a cron text, a preset, a timedelta or None as schedule"
_RESCHEDULE = "use a sensor with mode='reschedule', which holds no compute while it waits"
_REQUIREMENTS = "put the packages into requirements.txt in the DAGs folder and use PythonOperator or @task"
_PAGES = "there is no webserver: take pages, views and their security out"
_EXECUTORS = "leave it out: tasks run on Lambda, and [core] executor decides nothing"
_KUBERNETES = "start a pod with the kubernetes library in a Python task"
_CLI = "use the command line (python -m chalicelib) or the API"
_SERVERS = "leave it out: there is no such process"
_DATABASE = "there is no metadata database: ask the API, or keep what is needed in Variables and XComs"
_SQL = "call the database's own Python library in a Python task; apache-airflow-providers-common-sql has it"
_SECRETS = "ask Connection and Variable for them; [secrets] backend says where they are looked for first"
_OPTIONS = "ask for options with conf.get(section, key) of airflow.configuration"
_UNKNOWN = "no such name of Airflow's is known: check its spelling"
_INTERNAL = "it serves Airflow's own code: do without it, or use Python's library"
_DEADLINE = (
    "there are no deadlines: give the DAG dagrun_timeout, which fails a late run, and on_failure_callback"
)
_RETRIES = "there are no retry policies: raise AirflowFailException for what must not be tried again"
_STATE_STORE = "there is no state store: keep in a Variable what the next try needs"
_PARTITIONS = "there are no partitions: give the run what it works on as conf, or map the task over it"
_SDK = "it came with Airflow 3; do without it"

NOT_OFFERED: Mapping[str, str] = {
    "airflow.PY36": "leave it out: Python is 3.11 or later",
    "airflow.PY37": "leave it out: Python is 3.11 or later",
    "airflow.api": _CLI,
    "airflow.api_connexion": _PAGES,
    "airflow.api_fastapi": _PAGES,
    "airflow.auth": _PAGES,
    "airflow.bin": _CLI,
    "airflow.callbacks": _SERVERS,
    "airflow.cli": _CLI,
    "airflow.compat": "import it from functools",
    "airflow.config_templates": _OPTIONS,
    "airflow.configuration": _OPTIONS,
    "airflow.contrib.auth": _PAGES,
    "airflow.contrib.executors": _EXECUTORS,
    "airflow.contrib.kubernetes": _KUBERNETES,
    "airflow.contrib.operators.hipchat_operator": "HipChat is no more",
    "airflow.contrib.secrets": _SECRETS,
    "airflow.contrib.task_runner": _EXECUTORS,
    "airflow.contrib.utils.log": "log with logging.getLogger(__name__)",
    "airflow.dag_processing": _SERVERS,
    "airflow.decorators": _INTERNAL,
    "airflow.exceptions": _INTERNAL,
    "airflow.executors": _EXECUTORS,
    "airflow.hooks": _UNKNOWN,
    "airflow.hooks.dbapi": _SQL,
    "airflow.hooks.dbapi_hook": _SQL,
    "airflow.hooks.package_index": _REQUIREMENTS,
    "airflow.hooks.subprocess": "use subprocess of Python's library",
    "airflow.jobs": _SERVERS,
    "airflow.kubernetes": _KUBERNETES,
    "airflow.lineage": _INTERNAL,
    "airflow.listeners": "import hookimpl from airflow.listeners",
    "airflow.listeners.listener": "give the plugin listeners; they are called where tasks run",
    "airflow.logging_config": "log with logging.getLogger(__name__)",
    "airflow.login": _PAGES,
    "airflow.macros": _INTERNAL,
    "airflow.metrics": "use airflow.stats.Stats, or CloudWatch by boto3",
    "airflow.migrations": _DATABASE,
    "airflow.models": _INTERNAL,
    "airflow.models.base": _DATABASE,
    "airflow.models.crypto": "use the cryptography library's Fernet",
    "airflow.models.dag.create_timetable": _INTERNAL,
    "airflow.models.taskinstance.clear_task_instances": "clear tasks by the command `tasks clear` or the API",
    "airflow.notifications": _INTERNAL,
    "airflow.operators": _UNKNOWN,
    "airflow.operators.bash.BashSensor": "import it from airflow.sensors.bash",
    "airflow.operators.check_operator": _SQL,
    "airflow.operators.generic_transfer": _SQL,
    "airflow.operators.sql": _SQL,
    "airflow.plugins_manager": "derive from AirflowPlugin; the code that reads plugins is not offered",
    "airflow.policies": "leave it out: policies of airflow_local_settings are not called",
    "airflow.providers.standard.decorators": _REQUIREMENTS,
    "airflow.providers.standard.hooks": "use subprocess or pathlib of Python's library",
    "airflow.providers.standard.operators.hitl": "let a task wait for an answer with @task.sensor",
    "airflow.providers.standard.operators.python": _REQUIREMENTS,
    "airflow.providers.standard.operators.smooth": "use EmptyOperator",
    "airflow.providers.standard.sensors": _RESCHEDULE,
    "airflow.providers.standard.triggers": _RESCHEDULE,
    "airflow.sdk": _SDK,
    "airflow.sdk.AllowedKeyMapper": _PARTITIONS,
    "airflow.sdk.AsyncCallback": _DEADLINE,
    "airflow.sdk.BaseDeadlineReference": _DEADLINE,
    "airflow.sdk.ChainMapper": _PARTITIONS,
    "airflow.sdk.CronPartitionTimetable": _PARTITIONS,
    "airflow.sdk.DeadlineAlert": _DEADLINE,
    "airflow.sdk.DeadlineReference": _DEADLINE,
    "airflow.sdk.ExceptionRetryPolicy": _RETRIES,
    "airflow.sdk.FanOutMapper": _PARTITIONS,
    "airflow.sdk.FixedKeyMapper": _PARTITIONS,
    "airflow.sdk.IdentityMapper": _PARTITIONS,
    "airflow.sdk.NEVER_EXPIRE": _STATE_STORE,
    "airflow.sdk.PartitionMapper": _PARTITIONS,
    "airflow.sdk.PartitionedAssetTimetable": _PARTITIONS,
    "airflow.sdk.PartitionedAtRuntime": _PARTITIONS,
    "airflow.sdk.ProductMapper": _PARTITIONS,
    "airflow.sdk.ResumableJobMixin": _STATE_STORE,
    "airflow.sdk.RetryAction": _RETRIES,
    "airflow.sdk.RetryDecision": _RETRIES,
    "airflow.sdk.RetryPolicy": _RETRIES,
    "airflow.sdk.RetryRule": _RETRIES,
    "airflow.sdk.RollupMapper": _PARTITIONS,
    "airflow.sdk.SecretCache": _SECRETS,
    "airflow.sdk.SyncCallback": _DEADLINE,
    "airflow.sdk.deadline_reference": _DEADLINE,
    "airflow.sdk.definitions.callback": _DEADLINE,
    "airflow.sdk.definitions.deadline": _DEADLINE,
    "airflow.sdk.definitions.retry_policy": _RETRIES,
    "airflow.secrets": _SECRETS,
    "airflow.security": _PAGES,
    "airflow.sensors": _UNKNOWN,
    "airflow.sensors.smart_sensor": "use the sensor itself: none holds compute between pokes",
    "airflow.sensors.sql": _SQL,
    "airflow.sensors.sql_sensor": _SQL,
    "airflow.sentry": "leave it out: nothing is sent to Sentry",
    "airflow.serialization": _SERVERS,
    "airflow.settings": _OPTIONS,
    "airflow.stats": _INTERNAL,
    "airflow.task.priority_strategy": "give the task a weight_rule by name, or priority_weight",
    "airflow.task.task_runner": _SERVERS,
    "airflow.template": "use airflow.utils.template.literal",
    "airflow.templates": "give the DAG user_defined_filters",
    "airflow.ti_deps": _SERVERS,
    "airflow.timetables": _SCHEDULES,
    "airflow.traces": "leave it out: no traces are made",
    "airflow.typing_compat": "import it from typing",
    "airflow.utils": _INTERNAL,
    "airflow.utils.airflow_flask_app": _PAGES,
    "airflow.utils.cli": _CLI,
    "airflow.utils.db": _DATABASE,
    "airflow.utils.db_cleanup": _DATABASE,
    "airflow.utils.dot_renderer": "draw with the graphviz library",
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
    "airflow.www": _PAGES,
    "airflow.www_rbac": _PAGES,
}
