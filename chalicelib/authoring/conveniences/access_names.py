"""Names of Airflow's access control, which decide nothing: provider packages import some as they load."""

from dataclasses import dataclass


@dataclass
class ConfigurationDetails:
    """Which section of the configuration."""

    section: str | None = None


@dataclass
class ConnectionDetails:
    """Which connection."""

    conn_id: str | None = None


@dataclass
class DagDetails:
    """Which DAG."""

    id: str | None = None


@dataclass
class DatasetDetails:
    """Which dataset."""

    uri: str | None = None


@dataclass
class PoolDetails:
    """Which pool."""

    name: str | None = None


@dataclass
class VariableDetails:
    """Which variable."""

    key: str | None = None


RESOURCE_ACTION = "Permissions"
RESOURCE_ADMIN_MENU = "Admin"
RESOURCE_AUDIT_LOG = "Audit Logs"
RESOURCE_BROWSE_MENU = "Browse"
RESOURCE_CLUSTER_ACTIVITY = "Cluster Activity"
RESOURCE_CONFIG = "Configurations"
RESOURCE_CONNECTION = "Connections"
RESOURCE_DAG = "DAGs"
RESOURCE_DAG_CODE = "DAG Code"
RESOURCE_DAG_DEPENDENCIES = "DAG Dependencies"
RESOURCE_DAG_PREFIX = "DAG:"
RESOURCE_DAG_RUN = "DAG Runs"
RESOURCE_DAG_RUN_PREFIX = "DAG Run:"
RESOURCE_DAG_WARNING = "DAG Warnings"
RESOURCE_DATASET = "Datasets"
RESOURCE_DOCS = "Documentation"
RESOURCE_DOCS_MENU = "Docs"
RESOURCE_IMPORT_ERROR = "ImportError"
RESOURCE_JOB = "Jobs"
RESOURCE_MY_PASSWORD = "My Password"  # noqa: S105 - a name
RESOURCE_MY_PROFILE = "My Profile"
RESOURCE_PASSWORD = "Passwords"  # noqa: S105 - a name
RESOURCE_PERMISSION = "Permission Views"
RESOURCE_PLUGIN = "Plugins"
RESOURCE_POOL = "Pools"
RESOURCE_PROVIDER = "Providers"
RESOURCE_RESOURCE = "View Menus"
RESOURCE_ROLE = "Roles"
RESOURCE_SLA_MISS = "SLA Misses"
RESOURCE_TASK_INSTANCE = "Task Instances"
RESOURCE_TASK_LOG = "Task Logs"
RESOURCE_TASK_RESCHEDULE = "Task Reschedules"
RESOURCE_TRIGGER = "Triggers"
RESOURCE_USER = "Users"
RESOURCE_USER_STATS_CHART = "User Stats Chart"
RESOURCE_VARIABLE = "Variables"
RESOURCE_WEBSITE = "Website"
RESOURCE_XCOM = "XComs"

ACTION_CAN_ACCESS_MENU = "menu_access"
ACTION_CAN_CREATE = "can_create"
ACTION_CAN_DELETE = "can_delete"
ACTION_CAN_EDIT = "can_edit"
ACTION_CAN_READ = "can_read"
