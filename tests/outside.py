"""The world outside of this machine, which the process of a test does not reach."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_OF_ADDRESSES = (socket.AF_INET, socket.AF_INET6)


@contextmanager
def refused() -> Iterator[None]:
    """Fail the test that connects to another machine inside; loopback and sockets of files are as ever.

    Processes that tests start are not watched: they are given addresses on loopback.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _only_here(getattr(socket.socket, name)))
        yield


def _only_here(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def checked(end: socket.socket, address: Any) -> Any:
        if end.family in _OF_ADDRESSES and not _is_here(address[0]):
            pytest.fail(f"a test connects to {address[0]}, which is not on this machine", pytrace=False)
        return connect(end, address)

    return checked


def _is_here(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
