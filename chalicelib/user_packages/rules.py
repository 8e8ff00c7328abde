"""Rules on user packages: which packages stand for Airflow, and which versions it and Updraft take."""

from chalicelib.settings import AIRFLOW_VERSION

STUB = "apache-airflow"
STUB_VERSION = f"{AIRFLOW_VERSION}+updraft"
"""Of the distribution that stands for Airflow while pip resolves: metadata and nothing else."""

PROVIDER = "apache-airflow-providers-"
"""How the names of provider packages begin."""

IN_PLACE_OF_AIRFLOW = frozenset({"airflow", STUB, "apache-airflow-core", "apache-airflow-task-sdk"})
"""Distributions whose place Updraft takes."""

BROUGHT_BY_AIRFLOW = (
    "asgiref>=2.3.0",
    "deprecated>=1.2.13",
    "packaging>=23.0",
    "python-dateutil>=2.7.0",
    "python-slugify>=5.0",
    "pytz",
    "requests<3,>=2.27.0",
    "tabulate>=0.7.5",
    "tenacity!=8.2.0,>=8.0.0",
    "typing_extensions>=4.0.0",
)
"""What provider packages import and do not declare, as Airflow has it (its metadata; pytz by way of pandas).

Jinja2 and pendulum are Updraft's own, and there in any case.
"""

UNDECLARED: dict[str, tuple[str, ...]] = {
    "apache-airflow-providers-common-sql": ("sqlalchemy>=1.4.36",),
    "apache-airflow-providers-google": ("openlineage-python>=1.24.2",),
    "apache-airflow-providers-common-io": ("fsspec>=2023.10.0", "universal-pathlib!=0.2.4,>=0.2.2"),
}
"""The same for packages that are too large to come with every provider.

Dataproc's operators of google derive from classes of OpenLineage's client.
"""

WITH_COMMON_SQL = frozenset(
    f"{PROVIDER}{name}"
    for name in (
        *(
            "amazon",
            "apache-drill",
            "apache-druid",
            "apache-hive",
            "apache-impala",
            "apache-pinot",
            "databricks",
        ),
        *(
            "elasticsearch",
            "exasol",
            "google",
            "jdbc",
            "microsoft-mssql",
            "mysql",
            "odbc",
            "oracle",
            "postgres",
        ),
        *("presto", "slack", "snowflake", "sqlite", "teradata", "trino", "vertica", "ydb"),
    )
)
"""Provider packages that need ``common-sql``: what that one does not declare is asked for right away."""

BOUNDS_OF_AIRFLOW = ("paramiko<4", "pyarrow<20", "sqlalchemy<2", "universal-pathlib<0.3")
"""Where provider packages of Airflow 2.10 break on newer versions.

SQLAlchemy by Airflow's own metadata; paramiko 4 has no DSS keys, which the ssh provider names; later pyarrow
wants NumPy 2, which the pandas of google and snowflake forbids; version 0.3 of universal-pathlib has another
base class.
"""

BOUNDS_OF_UPDRAFT = (
    "croniter<8,>=2.0.2",
    "jinja2<4,>=3.1",
    "jsonschema<5,>=4.18",
    "markupsafe>=2.1",
    "pendulum<4,>=3",
    "python-dateutil<3,>=2.8",
    "referencing>=0.28",
)
"""Versions of what our own modules import in processes of user code, where the user's versions come first."""

LEFT_OUT_OFTEN = frozenset(
    {
        *("asyncpg", "lxml", "numpy", "pandas", "pyarrow", "python3-saml", "redshift-connector", "xmlsec"),
        *("google-ads", "google-analytics-admin", "google-cloud-aiplatform", "google-cloud-compute"),
        *("google-cloud-dataplex", "google-genai"),
    }
)
"""Large packages that providers declare and most of their hooks and operators never import.

google and snowflake are over Lambda's limit as declared. postgres imports asyncpg nowhere, and amazon has
python3-saml for the web server alone; google has packages of their own for ads, Vertex AI and Compute Engine.
"""

EXTRAS: dict[str, str] = {
    **dict.fromkeys(("aws", "s3"), "amazon"),
    **dict.fromkeys(("gcp", "gcp-api"), "google"),
    **{
        name: f"apache-{name}"
        for name in ("cassandra", "drill", "druid", "hdfs", "hive", "kafka", "livy", "pinot", "spark")
    },
    "azure": "microsoft-azure",
    "jira": "atlassian-jira",
    "kubernetes": "cncf-kubernetes",
    "mssql": "microsoft-mssql",
    "psrp": "microsoft-psrp",
    "winrm": "microsoft-winrm",
    **{
        name: name
        for name in (
            *("airbyte", "alibaba", "amazon", "apache-beam", "apache-cassandra", "apache-drill"),
            *("apache-druid", "apache-flink", "apache-hdfs", "apache-hive", "apache-iceberg"),
            *("apache-impala", "apache-kafka", "apache-kylin", "apache-livy", "apache-pig", "apache-pinot"),
            *("apache-spark", "apprise", "arangodb", "asana", "atlassian-jira", "cloudant"),
            *("cncf-kubernetes", "cohere", "common-compat", "common-io", "common-sql", "databricks"),
            *("datadog", "dbt-cloud", "dingding", "discord", "docker", "elasticsearch", "exasol"),
            *("facebook", "ftp", "github", "google", "grpc", "hashicorp", "http", "imap", "influxdb", "jdbc"),
            *("jenkins", "microsoft-azure", "microsoft-mssql", "microsoft-psrp", "microsoft-winrm", "mongo"),
            *("mysql", "neo4j", "odbc", "openai", "openfaas", "opensearch", "opsgenie", "oracle"),
            *("pagerduty", "papermill", "pgvector", "pinecone", "postgres", "presto", "qdrant", "redis"),
            *("salesforce", "samba", "segment", "sendgrid", "sftp", "singularity", "slack", "smtp"),
            *("snowflake", "sqlite", "ssh", "tableau", "tabular", "telegram", "teradata", "trino"),
            *("vertica", "weaviate", "yandex", "ydb", "zendesk"),
        )
    },
}
"""Airflow's extras that stand for a provider package, by the end of its name (Airflow's metadata).

Those of its web server and executors are not among them: celery, fab, openlineage.
"""

PLAIN_EXTRAS: dict[str, str] = {
    "aiobotocore": "aiobotocore",
    "cloudpickle": "cloudpickle",
    "pandas": "pandas<2.2,>=1.2.5",
    "pydantic": "pydantic>=2.3.0",
    "s3fs": "s3fs>=2023.10.0",
}
"""Airflow's extras that stand for other packages."""


def undeclared_needs(names: frozenset[str]) -> tuple[str, ...]:
    """Requirements that these distributions (canonical names) have without declaring them."""
    present = set(names)
    if present & WITH_COMMON_SQL:
        present.add("apache-airflow-providers-common-sql")
    return tuple(line for name in sorted(present & UNDECLARED.keys()) for line in UNDECLARED[name])


def all_rules() -> str:
    """A text that changes with the rules: what was installed by others is not what is wanted."""
    tables = (UNDECLARED, EXTRAS, PLAIN_EXTRAS)
    lists = (BROUGHT_BY_AIRFLOW, BOUNDS_OF_AIRFLOW, BOUNDS_OF_UPDRAFT)
    return repr((STUB_VERSION, lists, [sorted(each.items()) for each in tables], sorted(WITH_COMMON_SQL)))
