"""The rights that operators, sensors and transfers of the amazon provider need on AWS, class by class.

Of ``apache-airflow-providers-amazon`` 8.29 and 9.2; a class that was renamed is there under both names. What
calls are made by way of hooks and triggers is with the class that uses them. ``tests/providers`` runs
operators and compares.
"""

from dataclasses import dataclass

PACKAGE = "airflow.providers.amazon.aws"


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on resources."""

    actions: tuple[str, ...]
    """By IAM's names, ``service:Action``."""
    resources: tuple[str, ...]
    """Forms, as ``resources`` fills them in; empty: the actions are of no resource, as IAM sees them."""
    given: tuple[str, ...] = ()
    """Only where one of these arguments is given and not false; empty: in any case."""
    missing: tuple[str, ...] = ()
    """Only where none of these arguments is given."""
    passed_to: str = ""
    """Of ``iam:PassRole``: the service that is given the role."""


def _may(service: str, actions: str, *resources: str, given: str = "", missing: str = "") -> Grant:
    named = tuple(f"{service}:{each}" for each in actions.split())
    return Grant(named, resources, tuple(given.split()), tuple(missing.split()))


def _passes(service: str, *arguments: str, given: str = "") -> Grant:
    roles = tuple(f"role {argument}" for argument in arguments)
    return Grant(("iam:PassRole",), roles, tuple(given.split()), passed_to=f"{service}.amazonaws.com")


def _s3(actions: str, where: str, given: str = "", missing: str = "") -> Grant:
    return _may("s3", actions, where, given=given, missing=missing)


_WAITS = "deferrable wait_for_completion"
_LIST = "ListBucket"
"""Also what lets S3 say that a key is missing, rather than that it is forbidden."""


def _puts(bucket: str, key: str) -> tuple[Grant, ...]:
    """What ``S3Hook.load_…`` calls: large objects come in parts; without ``replace`` it looks first."""
    place = f"object {bucket} {key}"
    return (
        _s3("PutObject AbortMultipartUpload", place),
        _s3("PutObjectAcl", place, given="acl_policy"),
        _s3("GetObject", place, missing="replace"),
        _s3(_LIST, f"bucket {bucket} {key}", missing="replace"),
    )


def _gets(bucket: str, key: str) -> tuple[Grant, ...]:
    return (_s3("GetObject", f"object {bucket} {key}"), _s3(_LIST, f"bucket {bucket} {key}"))


def _of_bucket(actions: str) -> tuple[Grant, ...]:
    return (_s3(f"{actions} {_LIST}", "bucket bucket_name"),)


_S3 = {
    "operators.s3.S3CreateBucketOperator": _of_bucket("CreateBucket"),
    "operators.s3.S3DeleteBucketOperator": (
        *_of_bucket("DeleteBucket"),
        _s3("DeleteObject", "object bucket_name", given="force_delete"),
    ),
    "operators.s3.S3GetBucketTaggingOperator": _of_bucket("GetBucketTagging"),
    "operators.s3.S3PutBucketTaggingOperator": _of_bucket("PutBucketTagging"),
    "operators.s3.S3DeleteBucketTaggingOperator": _of_bucket("PutBucketTagging"),
    "operators.s3.S3CopyObjectOperator": (
        _s3("GetObject GetObjectTagging", "object source_bucket_name source_bucket_key"),
        _s3("PutObject PutObjectTagging", "object dest_bucket_name dest_bucket_key"),
        _s3("PutObjectAcl", "object dest_bucket_name dest_bucket_key", given="acl_policy"),
    ),
    "operators.s3.S3CreateObjectOperator": _puts("s3_bucket", "s3_key"),
    "operators.s3.S3DeleteObjectsOperator": (
        _s3("DeleteObject", "object bucket keys", given="keys"),
        _s3("DeleteObject", "object bucket prefix*", missing="keys"),
        _s3(_LIST, "bucket bucket", missing="keys"),
    ),
    "operators.s3.S3FileTransformOperator": (
        *_gets("", "source_s3_key"),
        *_puts("", "dest_s3_key"),
    ),
    "operators.s3.S3ListOperator": (_s3(_LIST, "bucket bucket"),),
    "operators.s3.S3ListPrefixesOperator": (_s3(_LIST, "bucket bucket"),),
    "sensors.s3.S3KeySensor": _gets("bucket_name", "bucket_key"),
    "sensors.s3.S3KeysUnchangedSensor": (_s3(_LIST, "bucket bucket_name"),),
    "transfers.local_to_s3.LocalFilesystemToS3Operator": _puts("dest_bucket", "dest_key"),
    "transfers.http_to_s3.HttpToS3Operator": _puts("s3_bucket", "s3_key"),
    "transfers.sql_to_s3.SqlToS3Operator": _puts("s3_bucket", "s3_key*"),
    "transfers.ftp_to_s3.FTPToS3Operator": _puts("s3_bucket", "s3_key*"),
    "transfers.sftp_to_s3.SFTPToS3Operator": (
        _s3("PutObject AbortMultipartUpload", "object s3_bucket s3_key"),
    ),
    "transfers.s3_to_sftp.S3ToSFTPOperator": _gets("s3_bucket", "s3_key"),
    "transfers.s3_to_ftp.S3ToFTPOperator": _gets("s3_bucket", "s3_key"),
    "transfers.s3_to_sql.S3ToSqlOperator": _gets("s3_bucket", "s3_key"),
    "transfers.dynamodb_to_s3.DynamoDBToS3Operator": (
        _may("dynamodb", "DescribeTable Scan", "dynamodb:table/{dynamodb_table_name}"),
        _may(
            "dynamodb",
            "ExportTableToPointInTime",
            "dynamodb:table/{dynamodb_table_name}",
            given="point_in_time_export",
        ),
        _may(
            "dynamodb",
            "DescribeExport",
            "dynamodb:table/{dynamodb_table_name}/export/*",
            given="point_in_time_export",
        ),
        _s3("PutObject AbortMultipartUpload", "object s3_bucket_name s3_key_prefix*"),
    ),
}

_EXECUTIONS = "states:execution:{state_machine_arn:}:*"

_MESSAGES = {
    "operators.sqs.SqsPublishOperator": (_may("sqs", "SendMessage", "queue sqs_queue"),),
    "sensors.sqs.SqsSensor": (
        _may("sqs", "ReceiveMessage", "queue sqs_queue"),
        _may("sqs", "DeleteMessage", "queue sqs_queue", given="delete_message_on_reception"),
    ),
    "operators.sns.SnsPublishOperator": (_may("sns", "Publish", "sns:{target_arn}"),),
    "operators.eventbridge.EventBridgePutEventsOperator": (
        _may("events", "PutEvents", "events:event-bus/{entries.EventBusName=default}"),
    ),
    "operators.eventbridge.EventBridgePutRuleOperator": (
        _may("events", "PutRule", "events:rule/{name}", missing="event_bus_name"),
        _may("events", "PutRule", "events:rule/{event_bus_name}/{name}", given="event_bus_name"),
        _passes("events", "role_arn", given="role_arn"),
    ),
    "operators.eventbridge.EventBridgeEnableRuleOperator": (
        _may("events", "EnableRule", "events:rule/{name}", missing="event_bus_name"),
        _may("events", "EnableRule", "events:rule/{event_bus_name}/{name}", given="event_bus_name"),
    ),
    "operators.eventbridge.EventBridgeDisableRuleOperator": (
        _may("events", "DisableRule", "events:rule/{name}", missing="event_bus_name"),
        _may("events", "DisableRule", "events:rule/{event_bus_name}/{name}", given="event_bus_name"),
    ),
    "sensors.dynamodb.DynamoDBValueSensor": (_may("dynamodb", "GetItem", "dynamodb:table/{table_name}"),),
}

_FUNCTION = "lambda:function:{function_name}"

_LAMBDA = {
    "operators.lambda_function.LambdaInvokeFunctionOperator": (
        _may("lambda", "InvokeFunction", _FUNCTION, missing="qualifier"),
        _may("lambda", "InvokeFunction", f"{_FUNCTION}:{{qualifier}}", given="qualifier"),
    ),
    "operators.lambda_function.LambdaCreateFunctionOperator": (
        _may("lambda", "CreateFunction", _FUNCTION),
        _may("lambda", "GetFunction GetFunctionConfiguration", _FUNCTION, given=_WAITS),
        _passes("lambda", "role"),
    ),
    "sensors.lambda_function.LambdaFunctionStateSensor": (
        _may("lambda", "GetFunction", _FUNCTION, missing="qualifier"),
        _may("lambda", "GetFunction", f"{_FUNCTION}:{{qualifier}}", given="qualifier"),
    ),
}

_STEP_FUNCTIONS = {
    "operators.step_function.StepFunctionStartExecutionOperator": (
        _may(
            "states",
            "StartExecution",
            "states:stateMachine:{state_machine_arn}",
            missing="is_redrive_execution",
        ),
        _may("states", "RedriveExecution", _EXECUTIONS, given="is_redrive_execution"),
        _may("states", "DescribeExecution", _EXECUTIONS, given="deferrable"),
    ),
    "operators.step_function.StepFunctionGetExecutionOutputOperator": (
        _may("states", "DescribeExecution", "states:execution:{execution_arn}"),
    ),
    "sensors.step_function.StepFunctionExecutionSensor": (
        _may("states", "DescribeExecution", "states:execution:{execution_arn}"),
    ),
}

_ECS_TASKS = "ecs:task/{cluster/}/*"
_LOGS_OF_ECS = "logs:log-group:{awslogs_group}:*"

_ECS = {
    "operators.ecs.EcsRunTaskOperator": (
        _may("ecs", "RunTask", "ecs:task-definition/{task_definition@revision}"),
        _may("ecs", "DescribeTasks", _ECS_TASKS, given=_WAITS),
        _may("ecs", "StopTask", _ECS_TASKS),
        _may("ecs", "TagResource", _ECS_TASKS, given="tags propagate_tags"),
        _may("ecs", "ListTasks", given="reattach"),
        _may("logs", "GetLogEvents", _LOGS_OF_ECS, given="awslogs_group"),
        _passes("ecs-tasks", "overrides.taskRoleArn", "overrides.executionRoleArn"),
    ),
    "operators.ecs.EcsRegisterTaskDefinitionOperator": (
        _may("ecs", "RegisterTaskDefinition DescribeTaskDefinition"),
        _passes(
            "ecs-tasks",
            "register_task_kwargs.taskRoleArn",
            "register_task_kwargs.executionRoleArn",
        ),
    ),
    "operators.ecs.EcsDeregisterTaskDefinitionOperator": (
        _may("ecs", "DeregisterTaskDefinition DescribeTaskDefinition"),
    ),
    "operators.ecs.EcsCreateClusterOperator": (
        _may("ecs", "CreateCluster"),
        _may("ecs", "DescribeClusters", "ecs:cluster/{cluster_name}", given=_WAITS),
    ),
    "operators.ecs.EcsDeleteClusterOperator": (
        _may("ecs", "DeleteCluster", "ecs:cluster/{cluster_name}"),
        _may("ecs", "DescribeClusters", "ecs:cluster/{cluster_name}", given=_WAITS),
    ),
    "sensors.ecs.EcsClusterStateSensor": (_may("ecs", "DescribeClusters", "ecs:cluster/{cluster_name}"),),
    "sensors.ecs.EcsTaskDefinitionStateSensor": (_may("ecs", "DescribeTaskDefinition"),),
    "sensors.ecs.EcsTaskStateSensor": (_may("ecs", "DescribeTasks", _ECS_TASKS),),
}

_BATCH = {
    "operators.batch.BatchOperator": (
        _may(
            "batch",
            "SubmitJob",
            "batch:job-definition/{job_definition}",
            "batch:job-definition/{job_definition@revision}",
            "batch:job-queue/{job_queue}",
        ),
        _may("batch", "TagResource", "batch:job/*", given="tags"),
        _may("batch", "DescribeJobs", given=_WAITS),
        _may("batch", "TerminateJob", "batch:job/*"),
        _may("logs", "GetLogEvents", "logs:log-group:/aws/batch/job:*", given="awslogs_enabled"),
    ),
    "operators.batch.BatchCreateComputeEnvironmentOperator": (
        _may(
            "batch",
            "CreateComputeEnvironment",
            "batch:compute-environment/{compute_environment_name}",
        ),
        _may("batch", "DescribeComputeEnvironments"),
        _passes("batch", "service_role", given="service_role"),
    ),
    "sensors.batch.BatchSensor": (_may("batch", "DescribeJobs"),),
    "sensors.batch.BatchComputeEnvironmentSensor": (_may("batch", "DescribeComputeEnvironments"),),
    "sensors.batch.BatchJobQueueSensor": (_may("batch", "DescribeJobQueues"),),
}

_JOB = "glue:job/{job_name}"
_LOGS_OF_GLUE = "logs:log-group:/aws-glue/*"
_RULESET = "glue:dataQualityRuleset/{name}"
_RULESETS = "glue:dataQualityRuleset/*"
_RULES = "operators.glue.GlueDataQualityRule"

_GLUE = {
    "operators.glue.GlueJobOperator": (
        _may("glue", "GetJob StartJobRun", _JOB),
        _may("glue", "CreateJob", _JOB, given="script_location create_job_kwargs"),
        _may("glue", "UpdateJob", _JOB, given="update_config"),
        _may("glue", "GetJobRun", _JOB, given=_WAITS),
        _may("glue", "BatchStopJobRun", _JOB, given="stop_job_run_on_kill"),
        _may("logs", "FilterLogEvents GetLogEvents", _LOGS_OF_GLUE, given="verbose"),
        _may("iam", "GetRole", "role iam_role_name", given="iam_role_name"),
        _passes("glue", "iam_role_name", given="iam_role_name"),
        _passes("glue", "iam_role_arn", given="iam_role_arn"),
        *(
            Grant(each.actions, each.resources, given=("s3_bucket",))
            for each in (
                _s3("PutObject GetObject", "s3:::{s3_bucket}/artifacts/glue-scripts/*"),
                _s3(_LIST, "bucket s3_bucket"),
            )
        ),
    ),
    "sensors.glue.GlueJobSensor": (
        _may("glue", "GetJobRun", _JOB),
        _may("logs", "FilterLogEvents", _LOGS_OF_GLUE, given="verbose"),
    ),
    "operators.glue.GlueDataQualityOperator": (
        _may("glue", "CreateDataQualityRuleset GetDataQualityRuleset", _RULESET),
        _may("glue", "UpdateDataQualityRuleset", _RULESET, given="update_rule_set"),
    ),
    f"{_RULES}SetEvaluationRunOperator": (
        _may(
            "glue",
            "BatchGetDataQualityResult GetDataQualityResult GetDataQualityRuleset "
            "GetDataQualityRulesetEvaluationRun StartDataQualityRulesetEvaluationRun",
            _RULESETS,
        ),
        _passes("glue", "role"),
    ),
    f"{_RULES}RecommendationRunOperator": (
        _may(
            "glue",
            "GetDataQualityRuleRecommendationRun StartDataQualityRuleRecommendationRun",
            _RULESETS,
        ),
        _passes("glue", "role"),
    ),
    "operators.glue_crawler.GlueCrawlerOperator": (
        _may("glue", "CreateCrawler GetCrawler StartCrawler UpdateCrawler", "glue:crawler/{config.Name}"),
        _may("glue", "GetCrawlerMetrics", given=_WAITS),
        _passes("glue", "config.Role"),
    ),
    "sensors.glue_crawler.GlueCrawlerSensor": (_may("glue", "GetCrawler", "glue:crawler/{crawler_name}"),),
    "sensors.glue_catalog_partition.GlueCatalogPartitionSensor": (
        _may(
            "glue",
            "GetPartitions",
            "glue:catalog",
            "glue:database/{database_name}",
            "glue:table/{database_name}/{table_name}",
        ),
    ),
}

_WORKGROUP = "athena:workgroup/{workgroup=primary}"

_ATHENA = {
    "operators.athena.AthenaOperator": (
        _may("athena", "GetQueryExecution StartQueryExecution StopQueryExecution", _WORKGROUP),
        _s3(
            "AbortMultipartUpload GetObject PutObject",
            "object  output_location*",
            given="output_location",
        ),
        _s3("GetBucketLocation ListBucket", "bucket  output_location", given="output_location"),
        _may(
            "glue",
            "GetDatabase GetPartition GetPartitions GetTable GetTables",
            "glue:catalog",
            "glue:database/{database}",
            "glue:table/{database}/*",
        ),
    ),
    "sensors.athena.AthenaSensor": (_may("athena", "GetQueryExecution", "athena:workgroup/*"),),
}

_APPLICATION = "emr-serverless:/applications/{application_id}"
_JOB_RUNS = f"{_APPLICATION}/jobruns/*"

_EMR_SERVERLESS = {
    "operators.emr.EmrServerlessCreateApplicationOperator": (
        _may("emr-serverless", "CreateApplication TagResource"),
        _may("emr-serverless", "GetApplication StartApplication", "emr-serverless:/applications/*"),
    ),
    "operators.emr.EmrServerlessStartJobOperator": (
        _may("emr-serverless", "GetApplication StartApplication StartJobRun", _APPLICATION),
        _may("emr-serverless", "GetJobRun", _JOB_RUNS, given=_WAITS),
        _may("emr-serverless", "CancelJobRun GetJobRun", _JOB_RUNS),
        _may("emr-serverless", "GetDashboardForJobRun", _JOB_RUNS, given="enable_application_ui_links"),
        _passes("emr-serverless", "execution_role_arn"),
    ),
    "operators.emr.EmrServerlessStopApplicationOperator": (
        _may("emr-serverless", "GetApplication StopApplication", _APPLICATION),
        _may("emr-serverless", "ListJobRuns", _APPLICATION, given="force_stop"),
        _may("emr-serverless", "CancelJobRun", _JOB_RUNS, given="force_stop"),
    ),
    "operators.emr.EmrServerlessDeleteApplicationOperator": (
        _may("emr-serverless", "DeleteApplication GetApplication StopApplication", _APPLICATION),
        _may("emr-serverless", "ListJobRuns", _APPLICATION, given="force_stop"),
        _may("emr-serverless", "CancelJobRun", _JOB_RUNS, given="force_stop"),
    ),
    "sensors.emr.EmrServerlessJobSensor": (_may("emr-serverless", "GetJobRun", _JOB_RUNS),),
    "sensors.emr.EmrServerlessApplicationSensor": (_may("emr-serverless", "GetApplication", _APPLICATION),),
}

_REDSHIFT_DATA = {
    "operators.redshift_data.RedshiftDataOperator": (
        _may(
            "redshift-data",
            "BatchExecuteStatement ExecuteStatement",
            "redshift:cluster:{cluster_identifier}",
            given="cluster_identifier",
        ),
        _may(
            "redshift-data",
            "BatchExecuteStatement ExecuteStatement",
            "redshift-serverless:workgroup/*",
            given="workgroup_name",
        ),
        _may("redshift-data", "CancelStatement DescribeStatement"),
        _may("redshift-data", "GetStatementResult", given="return_sql_result"),
        _may(
            "redshift",
            "GetClusterCredentials",
            "redshift:dbuser:{cluster_identifier}/{db_user}",
            "redshift:dbname:{cluster_identifier}/{database}",
            given="db_user",
        ),
        _may(
            "redshift-serverless", "GetCredentials", "redshift-serverless:workgroup/*", given="workgroup_name"
        ),
        _may("secretsmanager", "GetSecretValue", "secretsmanager:secret:{secret_arn}", given="secret_arn"),
    ),
}


def _sagemaker(kind: str, form: str, *more: Grant) -> tuple[Grant, ...]:
    return (
        _may("sagemaker", f"Create{kind} Describe{kind} Stop{kind}", f"sagemaker:{form}"),
        _may("sagemaker", f"List{kind}s"),
        *more,
        _may("iam", "GetRole", "role config.RoleArn"),
        _passes("sagemaker", "config.RoleArn"),
    )


_LOGS_OF_SAGEMAKER = _may(
    "logs", "DescribeLogStreams GetLogEvents", "logs:log-group:/aws/sagemaker/*", given="print_log"
)
_PIPELINE = "sagemaker:pipeline/{pipeline_name}"
_EXECUTION = "sagemaker:pipeline/*/execution/*"

_SAGEMAKER = {
    "operators.sagemaker.SageMakerProcessingOperator": _sagemaker(
        "ProcessingJob", "processing-job/{config.ProcessingJobName}*", _LOGS_OF_SAGEMAKER
    ),
    "operators.sagemaker.SageMakerTrainingOperator": _sagemaker(
        "TrainingJob", "training-job/{config.TrainingJobName}*", _LOGS_OF_SAGEMAKER
    ),
    "operators.sagemaker.SageMakerTuningOperator": _sagemaker(
        "HyperParameterTuningJob",
        "hyper-parameter-tuning-job/{config.HyperParameterTuningJobName}*",
    ),
    "operators.sagemaker.SageMakerTransformOperator": (
        _may(
            "sagemaker",
            "CreateTransformJob DescribeTransformJob StopTransformJob",
            "sagemaker:transform-job/*",
        ),
        _may("sagemaker", "CreateModel DescribeModel", "sagemaker:model/*"),
        _may("sagemaker", "ListModels ListTransformJobs"),
        _passes("sagemaker", "config.Model.ExecutionRoleArn", given="config.Model"),
    ),
    "operators.sagemaker.SageMakerModelOperator": (
        _may("sagemaker", "CreateModel DescribeModel", "sagemaker:model/{config.ModelName}*"),
        _may("sagemaker", "ListModels"),
        _passes("sagemaker", "config.ExecutionRoleArn"),
    ),
    "operators.sagemaker.SageMakerDeleteModelOperator": (
        _may("sagemaker", "DeleteModel", "sagemaker:model/{config.ModelName}"),
    ),
    "operators.sagemaker.SageMakerEndpointConfigOperator": (
        _may(
            "sagemaker",
            "CreateEndpointConfig DescribeEndpointConfig",
            "sagemaker:endpoint-config/{config.EndpointConfigName}*",
        ),
    ),
    "operators.sagemaker.SageMakerEndpointOperator": (
        _may("sagemaker", "CreateEndpoint DescribeEndpoint UpdateEndpoint", "sagemaker:endpoint/*"),
        _may("sagemaker", "CreateEndpointConfig DescribeEndpointConfig", "sagemaker:endpoint-config/*"),
        _may("sagemaker", "CreateModel", "sagemaker:model/*", given="config.Model"),
        _passes("sagemaker", "config.Model.ExecutionRoleArn", given="config.Model"),
    ),
    "operators.sagemaker.SageMakerStartPipelineOperator": (
        _may("sagemaker", "StartPipelineExecution", _PIPELINE),
        _may("sagemaker", "DescribePipelineExecution ListPipelineExecutionSteps", _EXECUTION, given=_WAITS),
    ),
    "operators.sagemaker.SageMakerStopPipelineOperator": (
        _may(
            "sagemaker",
            "DescribePipelineExecution ListPipelineExecutionSteps StopPipelineExecution",
            _EXECUTION,
        ),
    ),
    "sensors.sagemaker.SageMakerEndpointSensor": (
        _may("sagemaker", "DescribeEndpoint", "sagemaker:endpoint/{endpoint_name}"),
    ),
    "sensors.sagemaker.SageMakerTransformSensor": (
        _may("sagemaker", "DescribeTransformJob", "sagemaker:transform-job/{job_name}"),
    ),
    "sensors.sagemaker.SageMakerTuningSensor": (
        _may(
            "sagemaker",
            "DescribeHyperParameterTuningJob",
            "sagemaker:hyper-parameter-tuning-job/{job_name}",
        ),
    ),
    "sensors.sagemaker.SageMakerTrainingSensor": (
        _may("sagemaker", "DescribeTrainingJob", "sagemaker:training-job/{job_name}"),
        _LOGS_OF_SAGEMAKER,
    ),
    "sensors.sagemaker.SageMakerProcessingSensor": (
        _may("sagemaker", "DescribeProcessingJob", "sagemaker:processing-job/{job_name}"),
    ),
    "sensors.sagemaker.SageMakerPipelineSensor": (
        _may("sagemaker", "DescribePipelineExecution ListPipelineExecutionSteps", _EXECUTION),
    ),
}

_INSTANCE = "rds:db:{db_instance_identifier}"
_SNAPSHOTS = ("rds:snapshot:{db_snapshot_identifier}", "rds:cluster-snapshot:{db_snapshot_identifier}")
_DESCRIBE_SNAPSHOTS = "DescribeDBClusterSnapshots DescribeDBSnapshots"
_DB = ("rds:db:{db_identifier}", "rds:cluster:{db_identifier}")
_DESCRIBE_DB = "DescribeDBClusters DescribeDBInstances"

_RDS = {
    "operators.rds.RdsCreateDbInstanceOperator": (
        _may("rds", "CreateDBInstance DescribeDBInstances", _INSTANCE),
    ),
    "operators.rds.RdsDeleteDbInstanceOperator": (
        _may("rds", "DeleteDBInstance DescribeDBInstances", _INSTANCE),
    ),
    "operators.rds.RdsStartDbOperator": (
        _may("rds", f"{_DESCRIBE_DB} StartDBCluster StartDBInstance", *_DB),
    ),
    "operators.rds.RdsStopDbOperator": (
        _may("rds", f"{_DESCRIBE_DB} StopDBCluster StopDBInstance", *_DB),
        _may(
            "rds", "CreateDBSnapshot", "rds:snapshot:{db_snapshot_identifier}", given="db_snapshot_identifier"
        ),
    ),
    "operators.rds.RdsCreateDbSnapshotOperator": (
        _may("rds", "CreateDBClusterSnapshot CreateDBSnapshot", *_DB, *_SNAPSHOTS),
        _may("rds", _DESCRIBE_SNAPSHOTS, *_DB, *_SNAPSHOTS),
    ),
    "operators.rds.RdsDeleteDbSnapshotOperator": (
        _may("rds", f"DeleteDBClusterSnapshot DeleteDBSnapshot {_DESCRIBE_SNAPSHOTS}", *_SNAPSHOTS),
    ),
    "sensors.rds.RdsSnapshotExistenceSensor": (_may("rds", _DESCRIBE_SNAPSHOTS, *_SNAPSHOTS),),
    "sensors.rds.RdsDbSensor": (_may("rds", _DESCRIBE_DB, *_DB),),
}

GRANTS: dict[str, tuple[Grant, ...]] = {
    f"{PACKAGE}.{name}": grants
    for table in (
        *(_S3, _MESSAGES, _LAMBDA, _STEP_FUNCTIONS, _ECS, _BATCH, _GLUE, _ATHENA),
        *(_EMR_SERVERLESS, _REDSHIFT_DATA, _SAGEMAKER, _RDS),
    )
    for name, grants in table.items()
}
"""By the full name of a class; what is of a class counts for those that are made of it."""
