"""Names that modules of Airflow 1.10 and 2.10 have because they import them: facts of Airflow's history.

DAG files import some of them from there: ``from airflow import AirflowException``. A name counts where the
module is offered and the name has no row in the module's own table.
"""

from collections.abc import Mapping

_HOMES: Mapping[str, str] = {
    "airflow": "settings",
    "airflow.configuration": "conf",
    "airflow.decorators.base": ("DecoratedOperator TaskDecorator get_unique_task_id task_decorator_factory"),
    "airflow.decorators.setup_teardown": "setup_task teardown_task",
    "airflow.exceptions": (
        "AirflowClusterPolicyError AirflowClusterPolicySkipDag "
        "AirflowClusterPolicyViolation AirflowConfigException "
        "AirflowDagCycleException AirflowDagDuplicatedIdException "
        "AirflowDagInconsistent AirflowException AirflowFailException "
        "AirflowInternalRuntimeError AirflowNotFoundException "
        "AirflowRescheduleException AirflowSensorTimeout AirflowSkipException "
        "AirflowTaskTerminated AirflowTaskTimeout DagCodeNotFound DagNotFound "
        "DagRunAlreadyExists DagRunNotFound DeserializingResultError "
        "DuplicateTaskIdFound FailStopDagInvalidTriggerRule "
        "ParamValidationError PoolNotFound RemovedInAirflow3Warning "
        "TaskAlreadyInTaskGroup TaskInstanceNotFound TaskNotFound "
        "UnmappableOperator UnmappableXComLengthPushed UnmappableXComTypePushed "
        "XComForMappingNotPushed XComNotFound"
    ),
    "airflow.hooks.base": "BaseHook",
    "airflow.hooks.filesystem": "FSHook",
    "airflow.lineage": "apply_lineage prepare_lineage",
    "airflow.models.abstractoperator": "AbstractOperator",
    "airflow.models.baseoperator": "BaseOperator",
    "airflow.models.baseoperatorlink": "BaseOperatorLink",
    "airflow.models.connection": "Connection",
    "airflow.models.dag": "DAG DagContext DagModel",
    "airflow.models.dagbag": "DagBag",
    "airflow.models.dagcode": "DagCode",
    "airflow.models.dagparam": "DagParam",
    "airflow.models.dagpickle": "DagPickle",
    "airflow.models.dagrun": "DagRun",
    "airflow.models.expandinput": (
        "DictOfListsExpandInput ListOfDictsExpandInput MappedArgument is_mappable"
    ),
    "airflow.models.mappedoperator": "MappedOperator OperatorPartial",
    "airflow.models.param": "ParamsDict",
    "airflow.models.pool": "Pool",
    "airflow.models.serialized_dag": "SerializedDagModel",
    "airflow.models.skipmixin": "SkipMixin",
    "airflow.models.taskfail": "TaskFail",
    "airflow.models.taskinstance": "TaskInstance TaskInstanceKey",
    "airflow.models.taskmap": "TaskMap",
    "airflow.models.taskmixin": "DependencyMixin",
    "airflow.models.taskreschedule": "TaskReschedule",
    "airflow.models.variable": "Variable",
    "airflow.models.xcom": "LazyXComSelectSequence XCom",
    "airflow.models.xcom_arg": "XComArg",
    "airflow.operators.bash": "BashOperator",
    "airflow.operators.branch": "BaseBranchOperator BranchMixIn",
    "airflow.operators.dummy_operator": "DummyOperator",
    "airflow.operators.empty": "EmptyOperator",
    "airflow.operators.python": (
        "BranchPythonOperator ExternalPythonOperator PythonOperator "
        "PythonVirtualenvOperator ShortCircuitOperator"
    ),
    "airflow.sensors.base": "BaseSensorOperator PokeReturnValue",
    "airflow.sensors.python": "PythonSensor",
    "airflow.stats": "Stats",
    "airflow.utils": "timezone yaml",
    "airflow.utils.context": "Context",
    "airflow.utils.dag_cycle_tester": "check_cycle",
    "airflow.utils.dates": "cron_presets",
    "airflow.utils.decorators": "apply_defaults",
    "airflow.utils.edgemodifier": "EdgeModifier",
    "airflow.utils.email": "send_email",
    "airflow.utils.file": "TemporaryDirectory",
    "airflow.utils.hashlib_wrapper": "md5",
    "airflow.utils.helpers": ("as_tuple at_most_one chunks exactly_one is_container prune_dict validate_key"),
    "airflow.utils.log.logging_mixin": "LoggingMixin",
    "airflow.utils.log.secrets_masker": "mask_secret redact",
    "airflow.utils.module_loading": "import_string qualname",
    "airflow.utils.net": "get_hostname",
    "airflow.utils.operator_helpers": "determine_kwargs",
    "airflow.utils.platform": "IS_WINDOWS getuser",
    "airflow.utils.process_utils": "execute_in_subprocess",
    "airflow.utils.session": "NEW_SESSION create_session provide_session",
    "airflow.utils.setup_teardown": "SetupTeardownContext",
    "airflow.utils.state": "DagRunState State TaskInstanceState",
    "airflow.utils.task_group": "MappedTaskGroup TaskGroup",
    "airflow.utils.trigger_rule": "TriggerRule",
    "airflow.utils.types": "ArgNotSet DagRunType NOTSET",
    "airflow.utils.weekday": "WeekDay",
    "airflow.utils.weight_rule": "WeightRule",
    "airflow.utils.xcom": "XCOM_RETURN_KEY",
    "datetime": "datetime timedelta",
}
"""The names by the module that has them as its own."""

_IMPORTED: Mapping[str, str] = {
    "airflow": "AirflowException LoggingMixin conf",
    "airflow.configuration": "WeightRule import_string yaml",
    "airflow.contrib.hooks": "RemovedInAirflow3Warning",
    "airflow.contrib.operators": "RemovedInAirflow3Warning",
    "airflow.contrib.sensors": "RemovedInAirflow3Warning",
    "airflow.contrib.sensors.bash_sensor": "BaseSensorOperator TemporaryDirectory apply_defaults",
    "airflow.contrib.sensors.file_sensor": "BaseSensorOperator apply_defaults",
    "airflow.contrib.sensors.python_sensor": "BaseSensorOperator apply_defaults",
    "airflow.contrib.sensors.weekday_sensor": "BaseSensorOperator WeekDay apply_defaults timezone",
    "airflow.contrib.utils": "RemovedInAirflow3Warning",
    "airflow.decorators": "setup_task teardown_task",
    "airflow.decorators.base": (
        "BaseOperator DagContext DictOfListsExpandInput ListOfDictsExpandInput "
        "MappedOperator NOTSET Pool TriggerRule XComArg is_mappable timezone"
    ),
    "airflow.decorators.bash": (
        "BashOperator Context DecoratedOperator NOTSET TaskDecorator determine_kwargs task_decorator_factory"
    ),
    "airflow.decorators.branch_python": "BranchPythonOperator task_decorator_factory",
    "airflow.decorators.condition": "AirflowSkipException",
    "airflow.decorators.external_python": "ExternalPythonOperator task_decorator_factory",
    "airflow.decorators.python": "DecoratedOperator PythonOperator task_decorator_factory",
    "airflow.decorators.python_virtualenv": "PythonVirtualenvOperator task_decorator_factory",
    "airflow.decorators.sensor": "PythonSensor get_unique_task_id task_decorator_factory",
    "airflow.decorators.setup_teardown": "AirflowException BaseOperator SetupTeardownContext",
    "airflow.decorators.short_circuit": "ShortCircuitOperator task_decorator_factory",
    "airflow.decorators.task_group": (
        "DictOfListsExpandInput ListOfDictsExpandInput MappedArgument MappedTaskGroup TaskGroup XComArg"
    ),
    "airflow.exceptions": "TriggerRule",
    "airflow.hooks.base": "LoggingMixin RemovedInAirflow3Warning",
    "airflow.hooks.base_hook": "AirflowException Connection LoggingMixin provide_session",
    "airflow.hooks.filesystem": "BaseHook",
    "airflow.io": "Stats import_string",
    "airflow.io.path": "LoggingMixin",
    "airflow.lineage": "conf create_session import_string",
    "airflow.models": "XCOM_RETURN_KEY",
    "airflow.models.abstractoperator": (
        "AirflowException ArgNotSet Context DependencyMixin MappedTaskGroup "
        "NOTSET SetupTeardownContext State TaskInstanceState TriggerRule "
        "WeightRule conf redact"
    ),
    "airflow.models.baseoperator": (
        "AbstractOperator AirflowException Context DAG DependencyMixin "
        "EdgeModifier FailStopDagInvalidTriggerRule LoggingMixin NEW_SESSION "
        "NOTSET OperatorPartial ParamsDict Pool RemovedInAirflow3Warning "
        "SetupTeardownContext TaskInstance TriggerRule WeightRule "
        "XCOM_RETURN_KEY apply_defaults apply_lineage conf datetime "
        "prepare_lineage provide_session settings timedelta timezone "
        "validate_key"
    ),
    "airflow.models.connection": (
        "AirflowException AirflowNotFoundException LoggingMixin "
        "RemovedInAirflow3Warning import_string mask_secret prune_dict"
    ),
    "airflow.models.dag": (
        "AbstractOperator AirflowDagCycleException AirflowDagInconsistent "
        "AirflowException ArgNotSet BaseOperator Context DagBag DagCode "
        "DagNotFound DagParam DagPickle DagRun DagRunState DagRunType "
        "DuplicateTaskIdFound FailStopDagInvalidTriggerRule LoggingMixin "
        "NEW_SESSION NOTSET ParamValidationError ParamsDict "
        "RemovedInAirflow3Warning SerializedDagModel State Stats TaskInstance "
        "TaskInstanceKey TaskInstanceState TaskNotFound TriggerRule at_most_one "
        "check_cycle conf cron_presets datetime exactly_one provide_session "
        "settings timedelta timezone validate_key"
    ),
    "airflow.models.dagbag": (
        "AirflowClusterPolicyError AirflowClusterPolicySkipDag "
        "AirflowClusterPolicyViolation AirflowDagCycleException "
        "AirflowDagDuplicatedIdException AirflowException AirflowTaskTimeout "
        "LoggingMixin NEW_SESSION NOTSET RemovedInAirflow3Warning Stats "
        "check_cycle conf datetime provide_session settings timedelta timezone"
    ),
    "airflow.models.dagcode": (
        "AirflowException DagCodeNotFound NEW_SESSION datetime provide_session timezone"
    ),
    "airflow.models.dagparam": "RemovedInAirflow3Warning",
    "airflow.models.dagpickle": "timezone",
    "airflow.models.dagrun": (
        "AirflowException DagRunState DagRunType LoggingMixin NEW_SESSION "
        "NOTSET RemovedInAirflow3Warning State Stats TaskInstanceState "
        "TaskNotFound chunks is_container provide_session prune_dict settings "
        "timezone"
    ),
    "airflow.models.dagwarning": "NEW_SESSION provide_session timezone",
    "airflow.models.db_callback_request": "timezone",
    "airflow.models.errors": "RemovedInAirflow3Warning",
    "airflow.models.expandinput": "NEW_SESSION provide_session",
    "airflow.models.log": "timezone",
    "airflow.models.mappedoperator": (
        "AbstractOperator AirflowException DictOfListsExpandInput "
        "ListOfDictsExpandInput NOTSET Pool UnmappableOperator XCOM_RETURN_KEY "
        "is_container is_mappable"
    ),
    "airflow.models.operator": "BaseOperator MappedOperator",
    "airflow.models.param": (
        "AirflowException ArgNotSet NOTSET ParamValidationError RemovedInAirflow3Warning timezone"
    ),
    "airflow.models.pool": (
        "AirflowException NEW_SESSION PoolNotFound State TaskInstanceState provide_session"
    ),
    "airflow.models.renderedtifields": "NEW_SESSION conf provide_session",
    "airflow.models.serialized_dag": (
        "DAG DagCode DagModel DagRun NEW_SESSION TaskNotFound md5 provide_session timedelta timezone"
    ),
    "airflow.models.skipmixin": (
        "AirflowException LoggingMixin NEW_SESSION RemovedInAirflow3Warning "
        "State TaskInstance TaskInstanceState create_session provide_session "
        "timezone"
    ),
    "airflow.models.taskinstance": (
        "AirflowException AirflowFailException AirflowRescheduleException "
        "AirflowSensorTimeout AirflowSkipException AirflowTaskTerminated "
        "AirflowTaskTimeout Context DagBag DagRunNotFound DagRunState "
        "LazyXComSelectSequence LoggingMixin MappedTaskGroup NEW_SESSION Pool "
        "RemovedInAirflow3Warning State Stats TaskFail TaskInstanceState "
        "TaskMap TaskReschedule UnmappableXComLengthPushed "
        "UnmappableXComTypePushed Variable XCOM_RETURN_KEY XCom "
        "XComForMappingNotPushed conf create_session get_hostname getuser "
        "is_container provide_session prune_dict send_email settings timedelta "
        "timezone"
    ),
    "airflow.models.taskmixin": "AirflowException NOTSET RemovedInAirflow3Warning",
    "airflow.models.taskreschedule": "NEW_SESSION RemovedInAirflow3Warning provide_session",
    "airflow.models.trigger": "NEW_SESSION TaskInstance TaskInstanceState provide_session timezone",
    "airflow.models.variable": "LoggingMixin mask_secret provide_session",
    "airflow.models.xcom": (
        "LoggingMixin NEW_SESSION RemovedInAirflow3Warning as_tuple conf "
        "exactly_one is_container provide_session timezone"
    ),
    "airflow.models.xcom_arg": (
        "AbstractOperator AirflowException ArgNotSet DependencyMixin "
        "MappedOperator NEW_SESSION NOTSET SetupTeardownContext State "
        "TaskInstance TriggerRule XCOM_RETURN_KEY XComNotFound provide_session"
    ),
    "airflow.operators": "BaseOperator",
    "airflow.operators.bash": (
        "AirflowException AirflowSkipException ArgNotSet BaseOperator RemovedInAirflow3Warning"
    ),
    "airflow.operators.bash_operator": "AirflowException BaseOperator TemporaryDirectory apply_defaults",
    "airflow.operators.branch": "BaseOperator SkipMixin",
    "airflow.operators.branch_operator": "BaseOperator SkipMixin",
    "airflow.operators.dagrun_operator": "BaseOperator apply_defaults timezone",
    "airflow.operators.datetime": "AirflowException BaseBranchOperator RemovedInAirflow3Warning timezone",
    "airflow.operators.dummy_operator": "BaseOperator apply_defaults",
    "airflow.operators.email": "BaseOperator send_email",
    "airflow.operators.email_operator": "BaseOperator apply_defaults send_email",
    "airflow.operators.empty": "BaseOperator",
    "airflow.operators.latest_only": "BaseBranchOperator",
    "airflow.operators.latest_only_operator": "BaseOperator SkipMixin",
    "airflow.operators.python": (
        "AirflowConfigException AirflowException AirflowSkipException "
        "BaseOperator BranchMixIn DeserializingResultError "
        "RemovedInAirflow3Warning SkipMixin Variable execute_in_subprocess"
    ),
    "airflow.operators.python_operator": (
        "AirflowException BaseOperator SkipMixin TemporaryDirectory apply_defaults"
    ),
    "airflow.operators.subdag": (
        "AirflowException BaseSensorOperator DagContext DagRun DagRunState "
        "DagRunType NEW_SESSION Pool RemovedInAirflow3Warning TaskInstance "
        "TaskInstanceNotFound TaskInstanceState create_session provide_session"
    ),
    "airflow.operators.subdag_operator": (
        "AirflowException BaseOperator Pool apply_defaults provide_session settings"
    ),
    "airflow.operators.trigger_dagrun": (
        "AirflowException AirflowSkipException BaseOperator BaseOperatorLink "
        "DagBag DagModel DagNotFound DagRun DagRunAlreadyExists DagRunState "
        "DagRunType RemovedInAirflow3Warning XCom conf provide_session timezone"
    ),
    "airflow.operators.weekday": "BaseBranchOperator RemovedInAirflow3Warning WeekDay timezone",
    "airflow.plugins_manager": "BaseOperatorLink conf import_string qualname settings",
    "airflow.sensors.base": (
        "AirflowException AirflowFailException AirflowRescheduleException "
        "AirflowSensorTimeout AirflowSkipException AirflowTaskTimeout "
        "BaseOperator NEW_SESSION SkipMixin TaskReschedule apply_defaults conf "
        "provide_session settings timedelta timezone"
    ),
    "airflow.sensors.base_sensor_operator": (
        "AirflowException AirflowRescheduleException AirflowSensorTimeout "
        "AirflowSkipException BaseOperator SkipMixin TaskReschedule "
        "apply_defaults timedelta timezone"
    ),
    "airflow.sensors.bash": "AirflowFailException BaseSensorOperator",
    "airflow.sensors.date_time": "BaseSensorOperator timezone",
    "airflow.sensors.date_time_sensor": "BaseSensorOperator apply_defaults timezone",
    "airflow.sensors.external_task": (
        "AirflowException AirflowSkipException BaseOperatorLink "
        "BaseSensorOperator DagBag DagModel EmptyOperator NEW_SESSION "
        "RemovedInAirflow3Warning State TaskInstance TaskInstanceState conf "
        "provide_session"
    ),
    "airflow.sensors.external_task_sensor": (
        "AirflowException BaseSensorOperator DagBag DagModel DagRun "
        "DummyOperator State TaskInstance apply_defaults provide_session"
    ),
    "airflow.sensors.filesystem": "AirflowException BaseSensorOperator FSHook conf",
    "airflow.sensors.python": "BaseSensorOperator PokeReturnValue determine_kwargs",
    "airflow.sensors.time_delta": "AirflowSkipException BaseSensorOperator timezone",
    "airflow.sensors.time_delta_sensor": "BaseSensorOperator apply_defaults timezone",
    "airflow.sensors.time_sensor": "BaseSensorOperator apply_defaults timezone",
    "airflow.sensors.weekday": "BaseSensorOperator RemovedInAirflow3Warning WeekDay timezone",
    "airflow.settings": "AirflowInternalRuntimeError RemovedInAirflow3Warning State",
    "airflow.stats": "conf",
    "airflow.utils.context": "NOTSET RemovedInAirflow3Warning",
    "airflow.utils.dag_cycle_tester": "AirflowDagCycleException RemovedInAirflow3Warning",
    "airflow.utils.dates": "RemovedInAirflow3Warning datetime timedelta timezone",
    "airflow.utils.db": "AirflowException conf settings",
    "airflow.utils.decorators": "AirflowException RemovedInAirflow3Warning settings",
    "airflow.utils.edgemodifier": "DependencyMixin TaskGroup",
    "airflow.utils.email": "AirflowConfigException AirflowException RemovedInAirflow3Warning conf",
    "airflow.utils.file": "RemovedInAirflow3Warning conf",
    "airflow.utils.helpers": ("AirflowException NOTSET RemovedInAirflow3Warning conf datetime import_string"),
    "airflow.utils.log.secrets_masker": "settings",
    "airflow.utils.net": "AirflowConfigException conf",
    "airflow.utils.operator_helpers": "Context datetime settings",
    "airflow.utils.process_utils": "AirflowException IS_WINDOWS conf",
    "airflow.utils.session": "settings",
    "airflow.utils.setup_teardown": "AirflowException",
    "airflow.utils.task_group": (
        "AirflowDagCycleException AirflowException DuplicateTaskIdFound TaskAlreadyInTaskGroup TriggerRule"
    ),
}
"""The names by the module that imports them."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def names_imported_by(module: str) -> list[str]:
    """The names that a module of Airflow's has from others."""
    return _IMPORTED.get(module, "").split()


def home_of(module: str, name: str) -> str | None:
    """The module that has the name as its own, if ``module`` of Airflow's imports it; else None."""
    return _HOME_OF[name] if name in names_imported_by(module) else None
