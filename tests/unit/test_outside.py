"""No test reaches another machine."""

import socket

import pytest


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "nowhere.example"])
def test_a_connection_to_another_machine_fails_the_test(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as end, pytest.raises(pytest.fail.Exception, match="not on this machine"):
        end.connect((address, 80))


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
