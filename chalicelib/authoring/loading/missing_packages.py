"""Advice on packages that a DAG file imports and that are not there."""

import re
from pathlib import Path

from chalicelib.authoring.airflow_names import advice

_PACKAGES = {
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "cassandra": "cassandra-driver",
    "cosmos": "astronomer-cosmos",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dbt": "dbt-core",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "facebook_business": "facebook-business",
    "git": "GitPython",
    "google": "google-cloud-PRODUCT",
    "google.analytics": "google-analytics-data",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud": "google-cloud-PRODUCT",
    "google.oauth2": "google-auth",
    "googleapiclient": "google-api-python-client",
    "great_expectations": "great-expectations",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "ldap3": "ldap3",
    "magic": "python-magic",
    "mysql": "mysql-connector-python",
    "psycopg2": "psycopg2-binary",
    "pyathena": "PyAthena",
    "re2": "google-re2",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slack": "slackclient",
    "slack_sdk": "slack-sdk",
    "slugify": "python-slugify",
    "snowflake": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "winrm": "pywinrm",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Pip packages that have another name than the module."""


_NO_SUCH_NAME = re.compile(r"cannot import name '(\w+)' from '(airflow\.providers\.[\w.]+)' \(")
"""Python's own words; where Updraft has the module it says more by itself."""


def advice_on_name(error: ImportError) -> str:
    """``; it is part of …`` for a name that a module of an installed provider package lacks; else empty."""
    found = _NO_SUCH_NAME.match(str(error))
    return f"; {advice.advice_on_name(found[2], found[1])}" if found else ""


def advice_on(module: str, folder: Path) -> str:
    """``; install PACKAGE …`` for a module that no file of the DAGs folder has; else empty."""
    first, *rest = module.split(".")
    if (folder / first).exists() or (folder / f"{first}.py").exists():
        return ""
    package = _PACKAGES.get(".".join([first, *rest[:1]]), _PACKAGES.get(first, first))
    if package.endswith("PRODUCT") and len(rest) > 1:
        package = package.replace("PRODUCT", rest[1].replace("_", "-"))
    return (
        f"; put {package.replace('_', '-')} into requirements.txt in the DAGs "
        f"folder, or the module {first} into that folder or the plugins folder"
    )
