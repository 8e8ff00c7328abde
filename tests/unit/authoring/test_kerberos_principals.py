"""Names of Kerberos, by Airflow's names."""

import importlib
import socket
from typing import Any

import pytest

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.exceptions import AirflowException


def _module(name: str) -> Any:
    with finder.importable():
        return importlib.import_module(f"airflow.security.{name}")


def test_a_principal_of_a_service_is_that_of_its_host() -> None:
    utils = _module("utils")
    assert utils.get_components("hive/_HOST@EXAMPLE.ORG") == ["hive", "_HOST", "EXAMPLE.ORG"]
    assert utils.get_components("") is None
    parts = ["hive", "_HOST", "EXAMPLE.ORG"]
    assert utils.replace_hostname_pattern(parts, "Node.Example.Org") == "hive/node.example.org@EXAMPLE.ORG"
    here = f"hive/{socket.getfqdn().lower()}@EXAMPLE.ORG"
    assert utils.replace_hostname_pattern(parts, "0.0.0.0") == here  # noqa: S104 - any host
    assert utils.principal_from_username("ada", "EXAMPLE.ORG") == "ada@EXAMPLE.ORG"
    assert utils.principal_from_username("ada@OTHER", "EXAMPLE.ORG") == "ada@OTHER"


def test_no_ticket_is_had_by_keytab() -> None:
    kerberos = _module("kerberos")
    assert kerberos.get_kerberos_principle("x/_HOST@R") == f"x/{socket.getfqdn()}@R"
    with pytest.raises(AirflowException, match="there is no kinit"):
        kerberos.renew_from_kt("x@R", "/keytab")
