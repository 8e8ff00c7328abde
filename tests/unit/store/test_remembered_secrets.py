"""What a process remembers of connections and secrets, and for how long."""

from chalicelib.domain.connections import StoredConnection
from chalicelib.store.memory import MemoryStore
from chalicelib.store.remembered_secrets import (
    REMEMBERED_SECONDS,
    RememberedConnections,
    RememberedSecrets,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class CountedSecrets:
    """A backend that counts how often it is asked."""

    name = "SecretsManagerBackend"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.text: str | None = None

    def connection(self, conn_id: str) -> str | None:
        return self._find(conn_id)

    def variable(self, key: str) -> str | None:
        return self._find(key)

    def option(self, key: str) -> str | None:
        return self._find(key)

    def _find(self, key: str) -> str | None:
        self.asked.append(key)
        return self.text


def test_a_connection_is_remembered_for_a_minute_and_so_is_that_there_is_none() -> None:
    clock, store = Clock(), MemoryStore().connections
    remembered = RememberedConnections(lambda: store, clock)
    assert remembered.get("db") is None
    store.save(StoredConnection(conn_id="db", host="h"))
    clock.now = REMEMBERED_SECONDS - 1
    assert remembered.get("db") is None
    clock.now = REMEMBERED_SECONDS
    assert remembered.get("db") == StoredConnection(conn_id="db", host="h")
    store.delete("db")
    assert remembered.get("db") == StoredConnection(conn_id="db", host="h")


def test_nothing_is_made_before_it_is_asked_for() -> None:
    made: list[bool] = []

    def make() -> RememberedConnections:
        made.append(True)
        return RememberedConnections(lambda: MemoryStore().connections, Clock())

    remembered = RememberedConnections(make, Clock())
    assert made == []
    remembered.get("db")
    remembered.get("db")
    assert made == [True]


def test_secrets_are_remembered_by_kind_and_name() -> None:
    clock, backend = Clock(), CountedSecrets()
    remembered = RememberedSecrets(backend, clock)
    for _ in range(2):
        found = [remembered.connection("a"), remembered.variable("a"), remembered.option("a")]
        assert found == [None, None, None]
    assert backend.asked == ["a", "a", "a"]
    backend.text = "x://h"
    clock.now = REMEMBERED_SECONDS
    assert remembered.connection("a") == "x://h"
    assert remembered.name == backend.name
