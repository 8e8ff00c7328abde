"""A real ``sshd`` of the machine, on a free port, for the user that runs the tests and a key of its own."""

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.machine import PATH_OF_PROGRAMS, Need
from tests.ports import free_port
from tests.waiting import wait_for

SSHD = Need(what="SSH was", packages="openssh-server", switch="UPDRAFT_TESTS_NEED_SSHD")

_SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
_OF_ROOT = Path("/run/sshd")
"""What sshd needs to be there when root runs it; Debian makes it when its service starts."""

_CONF = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding local
LogLevel VERBOSE
Subsystem sftp {folder}/sftp
"""

_SFTP = """#!/bin/sh
# Each session is counted, and finds the files that come by its number.
echo session >> {folder}/sessions
while read -r number path; do
    [ "$(wc -l < {folder}/sessions)" -lt "$number" ] || echo news > "$path"
done < {folder}/arrivals
exec {server}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sshd:
    """A running sshd whose SFTP sessions are counted."""

    port: int
    folder: Path
    """Keys, log and counts; ``files`` in it is for what tests exchange."""

    @property
    def files(self) -> Path:
        """Where the tests' files lie on the server, which is this machine."""
        return self.folder / "files"

    @property
    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "log").read_text()

    @property
    def sessions(self) -> int:
        """SFTP sessions since the last ``let_arrive``."""
        return len((self.folder / "sessions").read_text().splitlines())

    def let_arrive(self, files: Mapping[Path, int]) -> None:
        """Let each file appear when so many sessions have been opened from now on."""
        (self.folder / "sessions").write_text("")
        arrivals = "".join(f"{number} {path}\n" for path, number in files.items())
        (self.folder / "arrivals").write_text(arrivals)

    def connection(self, conn_type: str, **extra: object) -> dict[str, object]:
        """A connection to it that knows the server's key."""
        key_type, key, *_ = (self.folder / "host_key.pub").read_text().split()
        return {
            "conn_type": conn_type,
            "host": "127.0.0.1",
            "port": self.port,
            "login": getpass.getuser(),
            "extra": {
                "private_key": (self.folder / "user_key").read_text(),
                "no_host_key_check": False,
                "host_key": f"{key_type} {key}",
                **extra,
            },
        }


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run one with all its files in ``folder``; tests are skipped, or fail, where the machine has none."""
    SSHD.of_programs("sshd", "ssh-keygen")
    if not _SFTP_SERVER.exists():
        SSHD.is_not_met(f"{_SFTP_SERVER} cannot be found")
    server = Sshd(port=free_port(), folder=folder)
    _prepare(server)
    environ = {"PATH": PATH_OF_PROGRAMS}
    program = subprocess.run(["which", "sshd"], env=environ, capture_output=True, text=True, check=True)
    process = subprocess.Popen(  # sshd wants to be told its full path
        [program.stdout.strip(), "-D", "-f", folder / "sshd_config", "-E", folder / "log"],
        env=environ,
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: process.poll() is not None or _listens(server.port))
        assert process.poll() is None, server.log
        yield server
    finally:
        process.terminate()
        process.wait()


def _prepare(server: Sshd) -> None:
    folder = server.folder
    server.files.mkdir()
    server.let_arrive({})
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", folder / name], check=True
        )
    (folder / "sshd_config").write_text(_CONF.format(port=server.port, folder=folder))
    script = folder / "sftp"
    script.write_text(_SFTP.format(folder=folder, server=_SFTP_SERVER))
    script.chmod(0o755)
    if os.geteuid() == 0:
        with suppress(FileExistsError):
            _OF_ROOT.mkdir(mode=0o755)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
