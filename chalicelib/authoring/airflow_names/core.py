"""Import names of ``airflow`` itself, its decorators, hooks, configuration, settings and plugins."""

from chalicelib.authoring.airflow_names.sources import (
    CONFIGURATION,
    DAG,
    DECORATORS,
    ENTITIES,
    HOOK,
    HOOKIMPL,
    LINEAGE,
    MACROS,
    PLUGIN,
    SETUP_TEARDOWN,
    STATS,
    TASK_DECORATORS,
    XCOM_ARG,
    Modules,
)

MODULES: Modules = {
    "airflow": [DAG, XCOM_ARG, "model.datasets:Dataset", "version:__version__"],
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
    "airflow.datasets": ["model.datasets:BaseDataset Dataset DatasetAlias DatasetAll DatasetAny"],
    "airflow.datasets.metadata": ["model.datasets:Metadata"],
    "airflow.decorators": [DECORATORS, SETUP_TEARDOWN],
    "airflow.decorators.base": [TASK_DECORATORS],
    "airflow.decorators.bash": ["taskflow.decorators:bash_task"],
    "airflow.decorators.branch_python": ["taskflow.decorators:branch_task"],
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
    "airflow.lineage": [LINEAGE],
    "airflow.lineage.entities": [ENTITIES],
    "airflow.listeners": [HOOKIMPL],
    "airflow.macros": [MACROS],
    "airflow.plugins_manager": [PLUGIN],
    "airflow.settings": ["surroundings.airflow_settings"],
    "airflow.stats": [STATS],
    "airflow.typing_compat": [
        "python.typing:Literal ParamSpec Protocol Self TypedDict TypeGuard runtime_checkable"
    ],
    "airflow.version": ["version:version __version__"],
}
