"""``attach`` and ``ObjectStore``: stores that paths lie in, one of a name in a process."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

from chalicelib.authoring.object_storage.filesystems import get_fs, has_fs


class ObjectStore:
    """A store by its protocol and its connection; its file system is made when it is first used."""

    __version__: ClassVar[int] = 1

    def __init__(
        self,
        protocol: str,
        conn_id: str | None,
        fs: Any = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.protocol = protocol
        self.conn_id = conn_id
        self.storage_options = storage_options
        if fs is not None:
            self.fs = fs

    @cached_property
    def fs(self) -> Any:
        """The file system (of fsspec)."""
        return get_fs(self.protocol, self.conn_id)

    @property
    def fsid(self) -> str:
        """What tells its file system from others."""
        try:
            return str(self.fs.fsid)
        except NotImplementedError:
            return f"{self.fs.protocol}-{self.conn_id or 'env'}"

    def serialize(self) -> dict[str, Any]:
        """What an XCom keeps of it."""
        kind = type(self.fs)
        return {
            "protocol": self.protocol,
            "conn_id": self.conn_id,
            "filesystem": f"{kind.__module__}.{kind.__qualname__}",
            "storage_options": self.storage_options,
        }

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], version: int) -> "ObjectStore":
        """The store again; raises ``ValueError`` for a later version, and where nothing has its scheme."""
        if version > cls.__version__:
            raise ValueError(f"Cannot deserialize version {version} for {cls.__name__}")
        protocol, conn_id = data["protocol"], data["conn_id"]
        known = _stores.get(_alias(protocol, conn_id))
        if known is not None:
            return known
        if data.get("filesystem") and not has_fs(protocol):
            raise ValueError(
                f"No attached filesystem found for {data['filesystem']} with protocol {protocol}. "
                "Please use attach() for this protocol and filesystem."
            )
        return attach(protocol, conn_id, storage_options=data["storage_options"])

    def __str__(self) -> str:
        return _alias(self.protocol, self.conn_id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)) or other.conn_id != self.conn_id:
            return False
        return bool(_fs_of(self) == _fs_of(other))

    __hash__ = None  # type: ignore[assignment]  # as Airflow's, which compares and does not hash


ObjectStore.__module__ = "airflow.io.store"  # its name in XComs

_stores: dict[str, ObjectStore] = {}


def attach(
    protocol: str | None = None,
    conn_id: str | None = None,
    alias: str | None = None,
    encryption_type: str | None = "",  # noqa: ARG001 - Airflow's, which leaves it aside too
    fs: Any = None,
    **kwargs: Any,
) -> ObjectStore:
    """The store of a name (``alias``), or of a protocol and a connection; made where it is not known yet.

    Raises ``ValueError`` without a protocol for a name that is not known.
    """
    name = alias or (protocol and _alias(protocol, conn_id))
    if not name:
        raise ValueError("No protocol specified and no alias provided")
    if name in _stores:
        return _stores[name]
    if not protocol:
        raise ValueError(f"No registered store with alias: {name}")
    _stores[name] = ObjectStore(protocol, conn_id, fs=fs, **kwargs)
    return _stores[name]


def _alias(protocol: str, conn_id: str | None) -> str:
    return f"{protocol}-{conn_id}" if conn_id else protocol


def _fs_of(store: ObjectStore) -> Any:
    with suppress(ValueError):
        return store.fs
    return None
