"""Import names of ``airflow`` itself, its decorators, hooks, configuration, settings and plugins."""

from chalicelib.authoring.airflow_names.sources import (
    CONFIGURATION,
    DAG,
    DECORATORS,
    ENTITIES,
    FILE_SYSTEM_HOOK,
    HOOK,
    HOOKIMPL,
    LINEAGE,
    MACROS,
    NOTIFIER,
    PLUGIN,
    SETUP_TEARDOWN,
    STATS,
    TASK_DECORATORS,
    XCOM_ARG,
    Modules,
)

MODULES: Modules = {
    "airflow": [DAG, XCOM_ARG, "version:__version__"],
    "airflow.compat.functools": ["python.functools:cache cached_property lru_cache partial wraps"],
    "airflow.configuration": [
        CONFIGURATION,
        "surroundings.configuration:AirflowConfigParser AIRFLOW_HOME as_dict has_option",
        "surroundings.configuration:get getboolean getfloat getint getsection",
        "exceptions:AirflowConfigException",
    ],
    "airflow.contrib.hooks": [],  # what is asked for in them is named in the refusal
    "airflow.contrib.operators": [],
    "airflow.contrib.utils": [],
    "airflow.decorators": [DECORATORS, SETUP_TEARDOWN],
    "airflow.decorators.base": [TASK_DECORATORS],
    "airflow.decorators.bash": ["taskflow.decorators:bash_task"],
    "airflow.decorators.branch_python": ["taskflow.decorators:branch_task"],
    "airflow.decorators.condition": ["taskflow.decorators:run_if skip_if"],
    "airflow.decorators.python": ["taskflow.decorators:python_task"],
    "airflow.decorators.sensor": ["taskflow.decorators:DecoratedSensorOperator sensor_task"],
    "airflow.decorators.setup_teardown": [
        "taskflow.setup_teardown_decorators:context_wrapper ContextWrapper",
        "taskflow.setup_teardown_decorators:setup=setup_task teardown=teardown_task",
    ],
    "airflow.decorators.short_circuit": ["taskflow.decorators:short_circuit_task"],
    "airflow.decorators.task_group": ["taskflow.decorators:task_group"],
    "airflow.exceptions": ["exceptions"],
    "airflow.hooks.base": [HOOK],
    "airflow.hooks.base_hook": [HOOK],
    "airflow.hooks.filesystem": [FILE_SYSTEM_HOOK],
    "airflow.lineage": [LINEAGE],
    "airflow.lineage.entities": [ENTITIES],
    "airflow.listeners": [HOOKIMPL],
    "airflow.macros": [MACROS],
    "airflow.notifications": [],
    "airflow.notifications.basenotifier": [NOTIFIER],
    "airflow.plugins_manager": [PLUGIN],
    "airflow.settings": ["surroundings.airflow_settings"],
    "airflow.stats": [STATS],
    "airflow.typing_compat": [
        "python.typing:Literal ParamSpec Protocol Self TypedDict TypeGuard runtime_checkable"
    ],
    "airflow.version": ["version:version __version__"],
}
