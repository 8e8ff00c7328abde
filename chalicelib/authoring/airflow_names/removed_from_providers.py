"""Names that provider packages no longer have: facts of their history, for advice on which version has them.

They are those that versions of late 2024 had, for Airflow 2.8 and later, and their next ones have not.
"""

from collections.abc import Mapping, Sequence

REMOVED_FROM_PROVIDERS: Mapping[int, Mapping[str, Sequence[str]]] = {
    4: {
        "sqlite.operators.sqlite": ("SqliteOperator",),
    },
    5: {
        "http.operators.http": ("SimpleHttpOperator",),
    },
    6: {
        "mysql.operators.mysql": ("MySqlOperator",),
        "postgres.operators.postgres": ("PostgresOperator",),
        "snowflake.operators.snowflake": ("SnowflakeOperator",),
    },
    9: {
        "amazon.aws.hooks.base_aws": ("AwsBaseAsyncHook",),
        "amazon.aws.hooks.redshift_cluster": ("RedshiftAsyncHook",),
        "amazon.aws.triggers.batch": (
            "BatchOperatorTrigger",
            "BatchSensorTrigger",
        ),
        "amazon.aws.triggers.rds": ("RdsDbInstanceTrigger",),
        "amazon.aws.triggers.sagemaker": ("SageMakerTrainingPrintLogTrigger",),
        "slack.transfers.sql_to_slack": ("SqlToSlackOperator",),
    },
    10: {
        "cncf.kubernetes.pod_launcher_deprecated": ("PodLauncher",),
    },
    11: {
        "google.cloud.hooks.datapipeline": ("DataPipelineHook",),
        "google.cloud.hooks.kubernetes_engine": (
            "GKECustomResourceHook",
            "GKEDeploymentHook",
            "GKEJobHook",
            "GKEPodAsyncHook",
            "GKEPodHook",
        ),
        "google.cloud.hooks.secret_manager": ("SecretsManagerHook",),
        "google.cloud.operators.bigquery": (
            "BigQueryConsoleIndexableLink",
            "BigQueryConsoleLink",
            "BigQueryExecuteQueryOperator",
            "BigQueryPatchDatasetOperator",
        ),
        "google.cloud.operators.dataflow": (
            "DataflowCreateJavaJobOperator",
            "DataflowCreatePythonJobOperator",
        ),
        "google.cloud.operators.datapipeline": (
            "CreateDataPipelineOperator",
            "RunDataPipelineOperator",
        ),
        "google.cloud.operators.dataproc": (
            "DataprocSubmitHadoopJobOperator",
            "DataprocSubmitHiveJobOperator",
            "DataprocSubmitPigJobOperator",
            "DataprocSubmitPySparkJobOperator",
            "DataprocSubmitSparkJobOperator",
            "DataprocSubmitSparkSqlJobOperator",
        ),
        "google.cloud.operators.vertex_ai.auto_ml": ("CreateAutoMLTextTrainingJobOperator",),
        "google.cloud.sensors.bigquery": (
            "BigQueryTableExistenceAsyncSensor",
            "BigQueryTableExistencePartitionAsyncSensor",
        ),
        "google.cloud.sensors.cloud_composer": ("CloudComposerEnvironmentSensor",),
        "google.cloud.sensors.gcs": ("GCSObjectExistenceAsyncSensor",),
        "google.marketing_platform.hooks.analytics": ("GoogleAnalyticsHook",),
        "google.marketing_platform.operators.analytics": (
            "GoogleAnalyticsDataImportUploadOperator",
            "GoogleAnalyticsDeletePreviousDataUploadsOperator",
            "GoogleAnalyticsGetAdsLinkOperator",
            "GoogleAnalyticsListAccountsOperator",
            "GoogleAnalyticsModifyFileHeadersDataImportOperator",
            "GoogleAnalyticsRetrieveAdsLinksListOperator",
        ),
    },
}
"""By the first major version without them: the names, by their module below ``airflow.providers``."""


def first_version_without(name: str) -> int | None:
    """The first major version of its package that lacks a module, or a name in one; None if not known."""
    for version, modules in REMOVED_FROM_PROVIDERS.items():
        for module, names in modules.items():
            if name == module or (name.startswith(f"{module}.") and name.rpartition(".")[2] in names):
                return version
    return None
