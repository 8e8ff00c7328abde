"""Import names of ``airflow.utils``."""

from chalicelib.authoring.airflow_names.sources import CHAINS, DATES, LABEL, XCOM_RETURN_KEY, Modules

MODULES: Modules = {
    "airflow.utils": [],
    "airflow.utils.context": ["running.context:Context"],
    "airflow.utils.dates": ["dates:days_ago"],
    "airflow.utils.decorators": ["model.baseoperator:apply_defaults"],
    "airflow.utils.edgemodifier": [LABEL],
    "airflow.utils.helpers": [CHAINS],
    "airflow.utils.log": [],
    "airflow.utils.log.logging_mixin": ["model.baseoperator:LoggingMixin"],
    "airflow.utils.log.secrets_masker": ["surroundings.secrets_masker:mask_secret redact"],
    "airflow.utils.setup_teardown": ["model.setup_teardown:SetupTeardownContext"],
    "airflow.utils.state": ["states:State DagRunState TaskInstanceState"],
    "airflow.utils.task_group": ["model.task_group:TaskGroup", "model.mapped_group:MappedTaskGroup"],
    "airflow.utils.template": ["running.templates:literal"],
    "airflow.utils.timezone": [DATES],
    "airflow.utils.trigger_rule": ["model.rules:TriggerRule"],
    "airflow.utils.weekday": ["sensors.dates:WeekDay"],
    "airflow.utils.weight_rule": ["model.rules:WeightRule"],
    "airflow.utils.xcom": [XCOM_RETURN_KEY],
}
