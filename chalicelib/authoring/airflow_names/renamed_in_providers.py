"""Names that changed when their modules of Airflow 1.10 went to provider packages: facts of its history.

Per module below ``airflow``: the old name, and the new one in the module that ``moved_to_providers`` names,
or ``module:name`` where it went to another one below ``airflow.providers``. Other names did not change.
"""

from collections.abc import Mapping

RENAMED_IN_PROVIDERS: Mapping[str, Mapping[str, str]] = {
    "contrib.hooks.aws_athena_hook": {
        "AWSAthenaHook": "AthenaHook",
    },
    "contrib.hooks.aws_datasync_hook": {
        "AWSDataSyncHook": "DataSyncHook",
    },
    "contrib.hooks.aws_dynamodb_hook": {
        "AwsDynamoDBHook": "DynamoDBHook",
    },
    "contrib.hooks.aws_glue_catalog_hook": {
        "AwsGlueCatalogHook": "GlueCatalogHook",
    },
    "contrib.hooks.aws_hook": {
        "AwsHook": "AwsBaseHook",
    },
    "contrib.hooks.aws_lambda_hook": {
        "AwsLambdaHook": "LambdaHook",
    },
    "contrib.hooks.aws_sns_hook": {
        "AwsSnsHook": "SnsHook",
    },
    "contrib.hooks.aws_sqs_hook": {
        "SQSHook": "SqsHook",
    },
    "contrib.hooks.gcp_api_base_hook": {
        "GoogleCloudBaseHook": "GoogleBaseHook",
    },
    "contrib.hooks.gcp_compute_hook": {
        "GceHook": "ComputeEngineHook",
    },
    "contrib.hooks.gcp_container_hook": {
        "GKEClusterHook": "GKEHook",
    },
    "contrib.hooks.gcp_dataflow_hook": {
        "DataFlowHook": "DataflowHook",
    },
    "contrib.hooks.gcp_dataproc_hook": {
        "DataProcHook": "DataprocHook",
    },
    "contrib.hooks.gcp_function_hook": {
        "GcfHook": "CloudFunctionsHook",
    },
    "contrib.hooks.gcp_kms_hook": {
        "GoogleCloudKMSHook": "CloudKMSHook",
    },
    "contrib.hooks.gcp_spanner_hook": {
        "CloudSpannerHook": "SpannerHook",
    },
    "contrib.hooks.gcp_speech_to_text_hook": {
        "GCPSpeechToTextHook": "CloudSpeechToTextHook",
    },
    "contrib.hooks.gcp_sql_hook": {
        "CloudSqlDatabaseHook": "CloudSQLDatabaseHook",
        "CloudSqlHook": "CloudSQLHook",
    },
    "contrib.hooks.gcp_text_to_speech_hook": {
        "GCPTextToSpeechHook": "CloudTextToSpeechHook",
    },
    "contrib.hooks.gcp_transfer_hook": {
        "GCPTransferServiceHook": "CloudDataTransferServiceHook",
    },
    "contrib.hooks.gcs_hook": {
        "GoogleCloudStorageHook": "GCSHook",
    },
    "contrib.operators.adls_list_operator": {
        "AzureDataLakeStorageListOperator": "ADLSListOperator",
    },
    "contrib.operators.adls_to_gcs": {
        "AdlsToGoogleCloudStorageOperator": "ADLSToGCSOperator",
    },
    "contrib.operators.aws_athena_operator": {
        "AWSAthenaOperator": "AthenaOperator",
    },
    "contrib.operators.aws_sqs_publish_operator": {
        "SQSPublishOperator": "SqsPublishOperator",
    },
    "contrib.operators.awsbatch_operator": {
        "AWSBatchOperator": "BatchOperator",
        "BatchProtocol": "amazon.aws.hooks.batch_client:BatchProtocol",
    },
    "contrib.operators.bigquery_operator": {
        "BigQueryOperator": "BigQueryExecuteQueryOperator",
    },
    "contrib.operators.bigquery_table_delete_operator": {
        "BigQueryTableDeleteOperator": "BigQueryDeleteTableOperator",
    },
    "contrib.operators.bigquery_to_gcs": {
        "BigQueryToCloudStorageOperator": "BigQueryToGCSOperator",
    },
    "contrib.operators.cassandra_to_gcs": {
        "CassandraToGoogleCloudStorageOperator": "CassandraToGCSOperator",
    },
    "contrib.operators.dataflow_operator": {
        "DataFlowJavaOperator": "DataflowCreateJavaJobOperator",
        "DataFlowPythonOperator": "DataflowCreatePythonJobOperator",
        "DataflowTemplateOperator": "DataflowTemplatedJobStartOperator",
    },
    "contrib.operators.dataproc_operator": {
        "DataProcHadoopOperator": "DataprocSubmitHadoopJobOperator",
        "DataProcHiveOperator": "DataprocSubmitHiveJobOperator",
        "DataProcJobBaseOperator": "DataprocJobBaseOperator",
        "DataProcPigOperator": "DataprocSubmitPigJobOperator",
        "DataProcPySparkOperator": "DataprocSubmitPySparkJobOperator",
        "DataProcSparkOperator": "DataprocSubmitSparkJobOperator",
        "DataProcSparkSqlOperator": "DataprocSubmitSparkSqlJobOperator",
        "DataprocClusterCreateOperator": "DataprocCreateClusterOperator",
        "DataprocClusterDeleteOperator": "DataprocDeleteClusterOperator",
        "DataprocClusterScaleOperator": "DataprocScaleClusterOperator",
        "DataprocWorkflowTemplateInstantiateInlineOperator": (
            "DataprocInstantiateInlineWorkflowTemplateOperator"
        ),
        "DataprocWorkflowTemplateInstantiateOperator": "DataprocInstantiateWorkflowTemplateOperator",
    },
    "contrib.operators.datastore_export_operator": {
        "DatastoreExportOperator": "CloudDatastoreExportEntitiesOperator",
    },
    "contrib.operators.datastore_import_operator": {
        "DatastoreImportOperator": "CloudDatastoreImportEntitiesOperator",
    },
    "contrib.operators.ecs_operator": {
        "EcsOperator": "EcsRunTaskOperator",
        "EcsProtocol": "amazon.aws.hooks.ecs:EcsProtocol",
    },
    "contrib.operators.file_to_gcs": {
        "FileToGoogleCloudStorageOperator": "LocalFilesystemToGCSOperator",
    },
    "contrib.operators.file_to_wasb": {
        "FileToWasbOperator": "LocalFilesystemToWasbOperator",
    },
    "contrib.operators.gcp_bigtable_operator": {
        "BigtableClusterUpdateOperator": "BigtableUpdateClusterOperator",
        "BigtableInstanceCreateOperator": "BigtableCreateInstanceOperator",
        "BigtableInstanceDeleteOperator": "BigtableDeleteInstanceOperator",
        "BigtableTableCreateOperator": "BigtableCreateTableOperator",
        "BigtableTableDeleteOperator": "BigtableDeleteTableOperator",
        "BigtableTableReplicationCompletedSensor": (
            "google.cloud.sensors.bigtable:BigtableTableReplicationCompletedSensor"
        ),
        "BigtableTableWaitForReplicationSensor": (
            "google.cloud.sensors.bigtable:BigtableTableReplicationCompletedSensor"
        ),
    },
    "contrib.operators.gcp_compute_operator": {
        "GceBaseOperator": "ComputeEngineBaseOperator",
        "GceInstanceGroupManagerUpdateTemplateOperator": (
            "ComputeEngineInstanceGroupUpdateManagerTemplateOperator"
        ),
        "GceInstanceStartOperator": "ComputeEngineStartInstanceOperator",
        "GceInstanceStopOperator": "ComputeEngineStopInstanceOperator",
        "GceInstanceTemplateCopyOperator": "ComputeEngineCopyInstanceTemplateOperator",
        "GceSetMachineTypeOperator": "ComputeEngineSetMachineTypeOperator",
    },
    "contrib.operators.gcp_container_operator": {
        "GKEClusterCreateOperator": "GKECreateClusterOperator",
        "GKEClusterDeleteOperator": "GKEDeleteClusterOperator",
        "GKEPodOperator": "GKEStartPodOperator",
    },
    "contrib.operators.gcp_dlp_operator": {
        "CloudDLPDeleteDlpJobOperator": "CloudDLPDeleteDLPJobOperator",
        "CloudDLPGetDlpJobOperator": "CloudDLPGetDLPJobOperator",
        "CloudDLPGetJobTripperOperator": "CloudDLPGetDLPJobTriggerOperator",
        "CloudDLPListDlpJobsOperator": "CloudDLPListDLPJobsOperator",
    },
    "contrib.operators.gcp_function_operator": {
        "GcfFunctionDeleteOperator": "CloudFunctionDeleteFunctionOperator",
        "GcfFunctionDeployOperator": "CloudFunctionDeployFunctionOperator",
    },
    "contrib.operators.gcp_natural_language_operator": {
        "CloudLanguageAnalyzeEntitiesOperator": "CloudNaturalLanguageAnalyzeEntitiesOperator",
        "CloudLanguageAnalyzeEntitySentimentOperator": "CloudNaturalLanguageAnalyzeEntitySentimentOperator",
        "CloudLanguageAnalyzeSentimentOperator": "CloudNaturalLanguageAnalyzeSentimentOperator",
        "CloudLanguageClassifyTextOperator": "CloudNaturalLanguageClassifyTextOperator",
    },
    "contrib.operators.gcp_spanner_operator": {
        "CloudSpannerInstanceDatabaseDeleteOperator": "SpannerDeleteDatabaseInstanceOperator",
        "CloudSpannerInstanceDatabaseDeployOperator": "SpannerDeployDatabaseInstanceOperator",
        "CloudSpannerInstanceDatabaseQueryOperator": "SpannerQueryDatabaseInstanceOperator",
        "CloudSpannerInstanceDatabaseUpdateOperator": "SpannerUpdateDatabaseInstanceOperator",
        "CloudSpannerInstanceDeleteOperator": "SpannerDeleteInstanceOperator",
        "CloudSpannerInstanceDeployOperator": "SpannerDeployInstanceOperator",
    },
    "contrib.operators.gcp_speech_to_text_operator": {
        "GcpSpeechToTextRecognizeSpeechOperator": "CloudSpeechToTextRecognizeSpeechOperator",
    },
    "contrib.operators.gcp_sql_operator": {
        "CloudSqlBaseOperator": "CloudSQLBaseOperator",
        "CloudSqlInstanceCreateOperator": "CloudSQLCreateInstanceOperator",
        "CloudSqlInstanceDatabaseCreateOperator": "CloudSQLCreateInstanceDatabaseOperator",
        "CloudSqlInstanceDatabaseDeleteOperator": "CloudSQLDeleteInstanceDatabaseOperator",
        "CloudSqlInstanceDatabasePatchOperator": "CloudSQLPatchInstanceDatabaseOperator",
        "CloudSqlInstanceDeleteOperator": "CloudSQLDeleteInstanceOperator",
        "CloudSqlInstanceExportOperator": "CloudSQLExportInstanceOperator",
        "CloudSqlInstanceImportOperator": "CloudSQLImportInstanceOperator",
        "CloudSqlInstancePatchOperator": "CloudSQLInstancePatchOperator",
        "CloudSqlQueryOperator": "CloudSQLExecuteQueryOperator",
    },
    "contrib.operators.gcp_text_to_speech_operator": {
        "GcpTextToSpeechSynthesizeOperator": "CloudTextToSpeechSynthesizeOperator",
    },
    "contrib.operators.gcp_transfer_operator": {
        "GcpTransferServiceJobCreateOperator": "CloudDataTransferServiceCreateJobOperator",
        "GcpTransferServiceJobDeleteOperator": "CloudDataTransferServiceDeleteJobOperator",
        "GcpTransferServiceJobUpdateOperator": "CloudDataTransferServiceUpdateJobOperator",
        "GcpTransferServiceOperationCancelOperator": "CloudDataTransferServiceCancelOperationOperator",
        "GcpTransferServiceOperationGetOperator": "CloudDataTransferServiceGetOperationOperator",
        "GcpTransferServiceOperationPauseOperator": "CloudDataTransferServicePauseOperationOperator",
        "GcpTransferServiceOperationResumeOperator": "CloudDataTransferServiceResumeOperationOperator",
        "GcpTransferServiceOperationsListOperator": "CloudDataTransferServiceListOperationsOperator",
        "GoogleCloudStorageToGoogleCloudStorageTransferOperator": "CloudDataTransferServiceGCSToGCSOperator",
        "S3ToGoogleCloudStorageTransferOperator": "CloudDataTransferServiceS3ToGCSOperator",
    },
    "contrib.operators.gcp_translate_speech_operator": {
        "GcpTranslateSpeechOperator": "CloudTranslateSpeechOperator",
    },
    "contrib.operators.gcp_vision_operator": {
        "CloudVisionAnnotateImageOperator": "CloudVisionImageAnnotateOperator",
        "CloudVisionDetectDocumentTextOperator": "CloudVisionTextDetectOperator",
        "CloudVisionProductCreateOperator": "CloudVisionCreateProductOperator",
        "CloudVisionProductDeleteOperator": "CloudVisionDeleteProductOperator",
        "CloudVisionProductGetOperator": "CloudVisionGetProductOperator",
        "CloudVisionProductSetCreateOperator": "CloudVisionCreateProductSetOperator",
        "CloudVisionProductSetDeleteOperator": "CloudVisionDeleteProductSetOperator",
        "CloudVisionProductSetGetOperator": "CloudVisionGetProductSetOperator",
        "CloudVisionProductSetUpdateOperator": "CloudVisionUpdateProductSetOperator",
        "CloudVisionProductUpdateOperator": "CloudVisionUpdateProductOperator",
        "CloudVisionReferenceImageCreateOperator": "CloudVisionCreateReferenceImageOperator",
    },
    "contrib.operators.gcs_acl_operator": {
        "GoogleCloudStorageBucketCreateAclEntryOperator": "GCSBucketCreateAclEntryOperator",
        "GoogleCloudStorageObjectCreateAclEntryOperator": "GCSObjectCreateAclEntryOperator",
    },
    "contrib.operators.gcs_delete_operator": {
        "GoogleCloudStorageDeleteOperator": "GCSDeleteObjectsOperator",
    },
    "contrib.operators.gcs_download_operator": {
        "GoogleCloudStorageDownloadOperator": "GCSToLocalFilesystemOperator",
    },
    "contrib.operators.gcs_list_operator": {
        "GoogleCloudStorageListOperator": "GCSListObjectsOperator",
    },
    "contrib.operators.gcs_operator": {
        "GoogleCloudStorageCreateBucketOperator": "GCSCreateBucketOperator",
    },
    "contrib.operators.gcs_to_bq": {
        "GoogleCloudStorageToBigQueryOperator": "GCSToBigQueryOperator",
    },
    "contrib.operators.gcs_to_gcs": {
        "GoogleCloudStorageToGoogleCloudStorageOperator": "GCSToGCSOperator",
    },
    "contrib.operators.gcs_to_s3": {
        "GoogleCloudStorageToS3Operator": "GCSToS3Operator",
    },
    "contrib.operators.mlengine_operator": {
        "MLEngineBatchPredictionOperator": "MLEngineStartBatchPredictionJobOperator",
        "MLEngineModelOperator": "MLEngineManageModelOperator",
        "MLEngineTrainingOperator": "MLEngineStartTrainingJobOperator",
        "MLEngineVersionOperator": "MLEngineManageVersionOperator",
    },
    "contrib.operators.mssql_to_gcs": {
        "MsSqlToGoogleCloudStorageOperator": "MSSQLToGCSOperator",
    },
    "contrib.operators.mysql_to_gcs": {
        "MySqlToGoogleCloudStorageOperator": "MySQLToGCSOperator",
    },
    "contrib.operators.opsgenie_alert_operator": {
        "OpsgenieAlertOperator": "OpsgenieCreateAlertOperator",
    },
    "contrib.operators.oracle_to_oracle_transfer": {
        "OracleToOracleTransfer": "OracleToOracleOperator",
    },
    "contrib.operators.postgres_to_gcs_operator": {
        "PostgresToGoogleCloudStorageOperator": "PostgresToGCSOperator",
    },
    "contrib.operators.pubsub_operator": {
        "PubSubPublishOperator": "PubSubPublishMessageOperator",
        "PubSubSubscriptionCreateOperator": "PubSubCreateSubscriptionOperator",
        "PubSubSubscriptionDeleteOperator": "PubSubDeleteSubscriptionOperator",
        "PubSubTopicCreateOperator": "PubSubCreateTopicOperator",
        "PubSubTopicDeleteOperator": "PubSubDeleteTopicOperator",
    },
    "contrib.operators.sql_to_gcs": {
        "BaseSQLToGoogleCloudStorageOperator": "BaseSQLToGCSOperator",
    },
    "contrib.operators.vertica_to_hive": {
        "VerticaToHiveTransfer": "VerticaToHiveOperator",
    },
    "contrib.operators.vertica_to_mysql": {
        "VerticaToMySqlTransfer": "VerticaToMySqlOperator",
    },
    "contrib.secrets.gcp_secrets_manager": {
        "CloudSecretsManagerBackend": "CloudSecretManagerBackend",
    },
    "contrib.sensors.aws_glue_catalog_partition_sensor": {
        "AwsGlueCatalogPartitionSensor": "GlueCatalogPartitionSensor",
    },
    "contrib.sensors.aws_redshift_cluster_sensor": {
        "AwsRedshiftClusterSensor": "RedshiftClusterSensor",
    },
    "contrib.sensors.aws_sqs_sensor": {
        "SQSSensor": "SqsSensor",
    },
    "contrib.sensors.bigquery_sensor": {
        "BigQueryTableSensor": "BigQueryTableExistenceSensor",
    },
    "contrib.sensors.gcp_transfer_sensor": {
        "GCPTransferServiceWaitForJobStatusSensor": "CloudDataTransferServiceJobStatusSensor",
    },
    "contrib.sensors.gcs_sensor": {
        "GoogleCloudStorageObjectSensor": "GCSObjectExistenceSensor",
        "GoogleCloudStorageObjectUpdatedSensor": "GCSObjectUpdateSensor",
        "GoogleCloudStoragePrefixSensor": "GCSObjectsWithPrefixExistenceSensor",
        "GoogleCloudStorageUploadSessionCompleteSensor": "GCSUploadSessionCompleteSensor",
    },
    "kubernetes.pod_launcher_deprecated": {
        "PodDefaults": "cncf.kubernetes.pod_generator_deprecated:PodDefaults",
        "get_kube_client": "cncf.kubernetes.kube_client:get_kube_client",
    },
    "operators.check_operator": {
        "CheckOperator": "SQLCheckOperator",
        "IntervalCheckOperator": "SQLIntervalCheckOperator",
        "ThresholdCheckOperator": "SQLThresholdCheckOperator",
        "ValueCheckOperator": "SQLValueCheckOperator",
    },
    "operators.google_api_to_s3_transfer": {
        "GoogleApiToS3Transfer": "GoogleApiToS3Operator",
    },
    "operators.hive_to_druid": {
        "HiveToDruidTransfer": "HiveToDruidOperator",
    },
    "operators.hive_to_mysql": {
        "HiveToMySqlTransfer": "HiveToMySqlOperator",
    },
    "operators.mssql_to_hive": {
        "MsSqlToHiveTransfer": "MsSqlToHiveOperator",
    },
    "operators.mysql_to_hive": {
        "MySqlToHiveTransfer": "MySqlToHiveOperator",
    },
    "operators.presto_check_operator": {
        "PrestoCheckOperator": "SQLCheckOperator",
        "PrestoIntervalCheckOperator": "SQLIntervalCheckOperator",
        "PrestoValueCheckOperator": "SQLValueCheckOperator",
    },
    "operators.presto_to_mysql": {
        "PrestoToMySqlTransfer": "PrestoToMySqlOperator",
    },
    "operators.redshift_to_s3_operator": {
        "RedshiftToS3Transfer": "RedshiftToS3Operator",
    },
    "operators.s3_to_hive_operator": {
        "S3ToHiveTransfer": "S3ToHiveOperator",
    },
    "operators.s3_to_redshift_operator": {
        "S3ToRedshiftTransfer": "S3ToRedshiftOperator",
    },
    "operators.sql_branch_operator": {
        "BranchSqlOperator": "BranchSQLOperator",
    },
}
