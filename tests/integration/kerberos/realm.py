"""A Kerberos realm of MIT's KDC, with the services and users that the tests need."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.machine import PATH_OF_PROGRAMS, Need, absent
from tests.ports import free_port

CLIENT = Path(__file__).with_name("gss_client.py")
DEBIANS_PYTHON = Path("/usr/bin/python3")  # where apt puts python3-gssapi and python3-requests-kerberos

KDC = Need(
    what="Kerberos was",
    packages="krb5-kdc krb5-admin-server krb5-user python3-gssapi python3-requests-kerberos curl",
    switch="UPDRAFT_TESTS_NEED_A_KDC",
)

_PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "klist", "curl", str(DEBIANS_PYTHON))
_PLUGINS = ("lib/*/krb5/plugins", "lib64/krb5/plugins", "lib/krb5/plugins")
"""Where distributions put what the KDC loads, seen from ``/usr``."""

HOST = "localhost"
SERVICES = ("HTTP", "airflow")

_CONF = {
    "libdefaults": {
        "dns_canonicalize_hostname": "false",
        "rdns": "false",
        "allow_weak_crypto": "true",  # so that a ticket may be of a type that has to be refused
    },
    "realms": {"$realm": {"kdc": "127.0.0.1:$port0"}},
}


def what_is_missing() -> str | None:
    """What of a KDC and its clients this machine lacks; None if nothing."""
    missing = absent(*_PROGRAMS)
    if missing:
        return missing
    if not _plugins():
        return "what the KDC loads (krb5/plugins) cannot be found"
    has_client = subprocess.run(
        [DEBIANS_PYTHON, "-c", "import gssapi, requests_kerberos"], capture_output=True, check=False
    )
    return None if has_client.returncode == 0 else f"{DEBIANS_PYTHON} has no gssapi or no requests_kerberos"


def _plugins() -> Path | None:
    return next((path for pattern in _PLUGINS for path in Path("/usr").glob(pattern)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticketed:
    """Somebody with a ticket for getting tickets, in a cache of their own."""

    environ: dict[str, str]

    def run(self, *command: str | Path, stdin: str = "") -> str:
        """What a command prints that finds the tickets."""
        done = subprocess.run(
            command, env=self.environ, input=stdin, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def token(self, service: str = f"HTTP@{HOST}", mechanism: str = "spnego") -> str:
        """A fresh token for a service, in base64."""
        return self.run(DEBIANS_PYTHON, CLIENT, "token", service, mechanism, "one-way").strip()

    @contextmanager
    def exchange(self, mechanism: str) -> Iterator["Exchange"]:
        """A client that sends one token and wants the server to prove itself by its reply."""
        command = [str(DEBIANS_PYTHON), str(CLIENT), "token", f"HTTP@{HOST}", mechanism, "mutual"]
        with subprocess.Popen(
            command, env=self.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield Exchange(process)


class Exchange:
    """Both ways between a client and a server."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout
        self.token = process.stdout.readline().strip()

    def proves_the_server(self, reply: str) -> str:
        """What the client says to the server's token."""
        out, _ = self._process.communicate(f"{reply}\n", timeout=30)
        return out.strip()


class Realm:
    """``KRBTEST.COM``: ``user`` and ``user/admin`` with tickets, services of ``localhost`` in a keytab."""

    def __init__(self, folder: Path) -> None:
        from k5test.realm import MITRealm

        plugins = _plugins()
        assert plugins
        os.environ["PATH"] = PATH_OF_PROGRAMS
        with pytest.MonkeyPatch.context() as patch:
            # There k5test looks first. Else it asks krb5-config, which on Debian asks a C compiler.
            patch.setenv("LD_LIBRARY_PATH", str(plugins.parent))
            self._realm: Any = MITRealm(portbase=free_port(), krb5_conf=_CONF, create_host=False)
        self._folder = folder
        self.keytab = folder / "http.keytab"
        for service in SERVICES:
            self.add_service(f"{service}/{HOST}")
            self.enter(f"{service}/{HOST}", self.keytab)
        self.user = Ticketed(environ=dict(self._realm.env))

    def stop(self) -> None:
        """End the KDC and remove what it kept."""
        self._realm.stop()

    def add_service(self, principal: str, *options: str) -> None:
        """Enter a service with a random key."""
        self._realm.run_kadminl(["addprinc", *options, "-randkey", principal])

    def renew_key(self, principal: str, *options: str) -> None:
        """Give a service another random key."""
        self._realm.run_kadminl(["cpw", *options, "-randkey", principal])

    def enter(self, principal: str, keytab: Path) -> None:
        """Write a service's present keys to a keytab."""
        self._realm.run_kadminl(["ktadd", "-k", str(keytab), "-norandkey", principal])

    def take_out(self, principal: str, keytab: Path) -> None:
        """Remove a service from a keytab, which leaves a hole."""
        self._realm.run_kadminl(["ktremove", "-k", str(keytab), principal, "all"])

    def kinit(self, name: str, password: str, *flags: str) -> Ticketed:
        """Tickets of somebody, in a new cache."""
        cache = str(self._folder / f"cache-{len(list(self._folder.iterdir()))}")
        environ = {**self._realm.env, "KRB5CCNAME": cache}
        self._realm.kinit(f"{name}@KRBTEST.COM", password, flags=list(flags), env=environ)
        return Ticketed(environ=environ)

    def admin(self) -> Ticketed:
        """Tickets of ``user/admin``."""
        return self.kinit("user/admin", self._realm.password("admin"))
