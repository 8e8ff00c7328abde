"""The machine that the code runs on (``airflow.utils.net``, ``airflow.utils.platform``) and what it has."""

import getpass
import os
import socket
import sys

from chalicelib.authoring.exceptions import AirflowConfigException

IS_WINDOWS = os.name == "nt"


def getfqdn(name: str = "") -> str:
    """The full name of a host, of this one if none is given."""
    return socket.getfqdn(name)


def get_hostname() -> str:
    """The name of this host."""
    return socket.gethostname()


def get_host_ip_address() -> str:
    """The address of this host; raises ``OSError`` if its name has none."""
    return socket.gethostbyname(get_hostname())


def is_tty() -> bool:
    """Whether the output is a terminal."""
    return sys.stdout.isatty()


def is_venv_installed() -> bool:
    """Whether a DAG may have tasks in virtual environments of their own.

    It may everywhere, for a DAG has to have the same tasks wherever its file is read; on Lambda such a task
    fails when it runs.
    """
    return True


def getuser() -> str:
    """The user that the process runs as; raises ``AirflowConfigException`` if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise AirflowConfigException("The user that the process runs as has no name") from None
