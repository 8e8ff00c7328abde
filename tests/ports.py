"""Ports for servers that are told theirs before they start."""

import random
import socket
from pathlib import Path

_LOWEST = 10_240
_RANGE_OF_THE_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of this machine on which nobody listens, by TCP or UDP.

    The system itself gives it to nobody: neither to a client, nor to a server that takes any port.
    """
    while True:
        # The system's own chance: that of `random` may be the same in all processes of a test run.
        port = random.SystemRandom().randrange(_LOWEST, _first_of_the_system())
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port


def _first_of_the_system() -> int:
    try:
        first = int(_RANGE_OF_THE_SYSTEM.read_text().split()[0])
    except OSError:  # no Linux
        return 32_768
    return first if first > 2 * _LOWEST else 32_768


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(type=kind) as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
