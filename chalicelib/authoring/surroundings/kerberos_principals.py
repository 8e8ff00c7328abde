"""Names of Kerberos, as hooks of Hive and Spark put them together; tickets are for others to get."""

import re
import socket
from collections.abc import Sequence
from typing import Any, NoReturn

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.surroundings.configuration import conf


def get_components(principal: Any) -> list[str] | None:
    """The parts of a principal (service, host and realm); None for an empty one."""
    return re.split("[/@]", str(principal)) if principal else None


def replace_hostname_pattern(components: Sequence[str], host: str | None = None) -> str:
    """The principal of a service on a host, on this machine if there is none."""
    name = host if host and host != "0.0.0.0" else socket.getfqdn()  # noqa: S104 - what hooks say for any
    return f"{components[0]}/{name.lower()}@{components[2]}"


def principal_from_username(username: str, realm: str | None) -> str:
    """The principal of a user, with the realm unless the name has one."""
    return username if "@" in username or not realm else f"{username}@{realm}"


def get_kerberos_principle(principal: str | None) -> str:
    """The principal, that of ``[kerberos] principal`` if there is none; Airflow's spelling."""
    given = principal or str(conf.get_mandatory_value("kerberos", "principal"))
    return given.replace("_HOST", socket.getfqdn())


def renew_from_kt(principal: str | None, keytab: str, exit_on_fail: bool = True) -> NoReturn:  # noqa: ARG001 - Airflow's signature
    """Raise ``AirflowException``: where tries run there is no ``kinit``."""
    raise AirflowException(
        f"No ticket for {principal} can be had by keytab: where tasks run there is no kinit. Let a service "
        "that has a ticket do the work"
    )
