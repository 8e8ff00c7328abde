"""The sources of Airflow's names: ``module`` for all names of a module, ``module:a b c`` for some.

Modules are those of ``authoring``; ``name=alias`` is offered under another name.
"""

from collections.abc import Mapping, Sequence

Modules = Mapping[str, Sequence[str]]
"""Sources by the full name of a module of Airflow's; a package without names has none."""

BASEOPERATOR = "model.baseoperator:BaseOperator"
BASH = "operators.bash:BashOperator"
PYTHON = "operators.python:PythonOperator BranchPythonOperator ShortCircuitOperator get_current_context"
EMPTY = "operators.empty:EmptyOperator"
LATEST_ONLY = "operators.latest_only:LatestOnlyOperator"
BRANCH = "operators.branch:BaseBranchOperator BranchMixIn"
CHAINS = "model.dependencies:chain cross_downstream chain_linear"
DECORATORS = "taskflow.decorators:dag task task_group"
SETUP_TEARDOWN = "taskflow.setup_teardown_decorators:setup teardown"
DATES = "dates:utc utcnow datetime parse is_localized is_naive make_aware convert_to_utc"
DAG = "model.dag:DAG"
DAG_RUN = "running.context:DagRun"
PARAM = "model.params:Param ParamsDict DagParam"
TASK_INSTANCE = "running.task_instance:TaskInstance"
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
SENSOR = "sensors.base:BaseSensorOperator PokeReturnValue poke_mode_only"
PYTHON_SENSOR = "sensors.python:PythonSensor"
BASH_SENSOR = "sensors.bash:BashSensor"
DATE_TIME_SENSOR = "sensors.dates:DateTimeSensor"
TIME_DELTA_SENSOR = "sensors.dates:TimeDeltaSensor"
TIME_SENSOR = "sensors.dates:TimeSensor"
WEEKDAY_SENSOR = "sensors.dates:DayOfWeekSensor"
LABEL = "model.dependencies:Label EdgeModifier"
