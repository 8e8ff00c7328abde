"""The sources of Airflow's names: ``module`` for all names of a module, ``module:a b c`` for some.

Modules are those of ``authoring``, or of Python where they begin with ``python.``; ``name=alias`` is offered
under another name. A module of Airflow's may be both a package and have names; its parents need no rows.
"""

from collections.abc import Mapping, Sequence

Modules = Mapping[str, Sequence[str]]
"""Sources by the full name of a module of Airflow's; a package without names has none."""

BASEOPERATOR = "model.baseoperator:BaseOperator"
MAPPED_OPERATOR = "model.mapped_operator:MappedOperator"
OPERATOR_LINK = "model.operator_link:BaseOperatorLink"
BASH = "operators.bash:BashOperator"
PYTHON = "operators.python:PythonOperator BranchPythonOperator ShortCircuitOperator"
OTHER_PYTHON = (
    "operators.other_python:PythonVirtualenvOperator ExternalPythonOperator BranchPythonVirtualenvOperator "
    "BranchExternalPythonOperator"
)
VENV = "conveniences.machine:is_venv_installed"
OBJECT_STORAGE = "conveniences.object_storage:ObjectStoragePath"
PARSING_CONTEXT = "conveniences.parsing_context:get_parsing_context"
CURRENT_CONTEXT = "running.context:get_current_context"
SUBDAG = "sensors.subdag:SubDagOperator SkippedStatePropagationOptions"
TRIGGER_DAG_RUN = "operators.trigger_dagrun:TriggerDagRunOperator TriggerDagRunLink"
EMAIL = "operators.email:EmailOperator"
EMPTY = "operators.empty:EmptyOperator"
DUMMY = "operators.empty:EmptyOperator=DummyOperator"
LATEST_ONLY = "operators.latest_only:LatestOnlyOperator"
BRANCH_DATE_TIME = "operators.branch_dates:BranchDateTimeOperator target_times_as_dates"
BRANCH_DAY_OF_WEEK = "operators.branch_dates:BranchDayOfWeekOperator"
BRANCH = "operators.branch:BaseBranchOperator BranchMixIn"
CHAINS = "model.dependencies:chain cross_downstream chain_linear"
DECORATORS = "taskflow.decorators:dag task task_group"
TASK_DECORATORS = (
    "taskflow.decorators:DecoratedOperator TaskDecorator get_unique_task_id task_decorator_factory"
)
SETUP_TEARDOWN = "taskflow.setup_teardown_decorators:setup teardown"
DATES = "dates:utc utcnow datetime parse is_localized is_naive make_aware convert_to_utc"
MOMENTS = (
    "conveniences.moments:coerce_datetime from_timestamp local_timezone make_naive parse_timezone td_format "
    "utc_epoch"
)
DAG = "model.dag:DAG"
DAG_RUN = "running.context:DagRun"
CONTEXT = "running.context:Context"
PARAM = "model.params:Param ParamsDict DagParam"
TASK_GROUP = "model.task_group:TaskGroup"
TASK_INSTANCE = "running.task_instance:TaskInstance"
TASK_INSTANCE_KEY = "running.task_instance:TaskInstanceKey"
XCOM_ARG = "model.xcom_arg:XComArg"
XCOM_ARG_KINDS = "model.xcom_arg:PlainXComArg MapXComArg ZipXComArg ConcatXComArg"
XCOM_RETURN_KEY = "model.xcom_arg:XCOM_RETURN_KEY"
CONFIGURATION = "surroundings.configuration:conf"
VARIABLE = "surroundings.variables:Variable"
CONNECTION = "surroundings.connections:Connection"
HOOK = "surroundings.connections:BaseHook"
SKIP = "operators.branch:SkipMixin"
LINEAGE = "model.lineage:AUTO apply_lineage prepare_lineage"
ENTITIES = "model.lineage:File User Tag Column Table"
LITERAL = "running.templates:literal"
LOGGING_MIXIN = "model.baseoperator:LoggingMixin"
SENSOR = "sensors.base:BaseSensorOperator PokeReturnValue poke_mode_only"
PYTHON_SENSOR = "sensors.python:PythonSensor"
EXTERNAL_TASK_SENSOR = "sensors.external_task:ExternalTaskSensor ExternalDagLink"
EXTERNAL_TASK_MARKER = "operators.external_task_marker:ExternalTaskMarker"
FILE_SENSOR = "sensors.filesystem:FileSensor"
FILE_SYSTEM_HOOK = "surroundings.filesystem_hook:FSHook"
NOTIFIER = "running.notifier:BaseNotifier"
BASH_SENSOR = "sensors.bash:BashSensor"
DATE_TIME_SENSOR = "sensors.dates:DateTimeSensor"
TIME_DELTA_SENSOR = "sensors.dates:TimeDeltaSensor"
TIME_SENSOR = "sensors.dates:TimeSensor"
WEEKDAY_SENSOR = "sensors.dates:DayOfWeekSensor"
WEEKDAY = "conveniences.weekdays:WeekDay"
LABEL = "model.dependencies:Label EdgeModifier"
STATES = "states:State DagRunState TaskInstanceState"
TRIGGER_RULE = "model.rules:TriggerRule"
WEIGHT_RULE = "model.rules:WeightRule"
SESSION = "surroundings.metadata_database:create_session provide_session NEW_SESSION"
STATS = "conveniences.metrics:Stats"
PLUGIN = "plugins.plugin:AirflowPlugin"
HOOKIMPL = "plugins.listeners:hookimpl"
ASSETS = (
    "model.assets:Asset AssetAccessControl AssetAlias AssetAll AssetAny AssetNameRef AssetRef AssetUriRef "
    "AssetWatcher BaseAsset"
)
MACROS = "macros"
