"""``ObjectStoragePath`` of any store, over universal-pathlib; imported where that is installed."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from upath.implementations.cloud import CloudPath
from upath.registry import get_upath_class

from chalicelib.authoring.object_storage.stat_results import stat_result
from chalicelib.authoring.object_storage.stores import attach
from chalicelib.authoring.object_storage.tracked_files import TrackingFileWrapper, has_read, has_written

_FILE = "file"
_CONN_ID = "conn_id"


class ObjectStoragePath(CloudPath):  # type: ignore[misc]  # the library has no types here
    """A path in a store by its URL, such as ``s3://aws_default@bucket/key``; a connection may be given apart.

    A path of ``pathlib`` otherwise; two in the same store are equal if their URLs are.
    """

    __version__: ClassVar[int] = 1

    _protocol_dispatch = False
    sep: ClassVar[str] = "/"
    root_marker: ClassVar[str] = "/"

    @classmethod
    def _transform_init_args(
        cls, args: tuple[Any, ...], protocol: str, storage_options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], str, dict[str, Any]]:
        """Take the connection out of the URL: the library's hook into what a path is made of."""
        if not args:
            return args, protocol, storage_options
        url = urlsplit(_text_of(args[0]))
        conn_id, is_given, place = url.netloc.rpartition("@")
        if is_given:
            storage_options.setdefault(_CONN_ID, conn_id or None)
            url = url._replace(netloc=place)
        return (url.geturl(), *args[1:]), protocol or url.scheme, storage_options

    @classmethod
    def _fs_factory(cls, urlpath: str, protocol: str, storage_options: Mapping[str, Any]) -> Any:  # noqa: ARG003
        """The file system: the library's hook."""
        return attach(protocol or _FILE, storage_options.get(_CONN_ID)).fs

    def __str__(self) -> str:
        conn_id = self.storage_options.get(_CONN_ID)
        if not self._protocol or not conn_id:
            return str(super().__str__())
        return f"{self._protocol}://{conn_id}@{self.path}"

    def __hash__(self) -> int:
        return hash(str(self))

    def __eq__(self, other: object) -> bool:
        return self.samestore(other) and str(self) == str(other)

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self._url.netloc if self._url else ""

    container = bucket

    @property
    def key(self) -> str:
        """The key in the bucket, with the slash at its end if it has one."""
        return self._url.path.lstrip(self.sep) if self._url else ""

    @property
    def namespace(self) -> str:
        """The protocol, and the bucket if there is one."""
        return f"{self.protocol}://{self.bucket}" if self.bucket else self.protocol

    def samestore(self, other: object) -> bool:
        """Whether it is a path with the same protocol and connection."""
        if not isinstance(other, ObjectStoragePath) or self.protocol != other.protocol:
            return False
        return bool(self.storage_options.get(_CONN_ID) == other.storage_options.get(_CONN_ID))

    def samefile(self, other_path: object) -> bool:
        """Whether another path is one of the same file."""
        if not isinstance(other_path, ObjectStoragePath):
            return False
        ours, theirs = self.stat(), other_path.stat()
        return all(ours[name] == theirs[name] for name in ("protocol", _CONN_ID, "ino"))

    def open(self, mode: str = "r", **kwargs: Any) -> TrackingFileWrapper:
        """Open the file; ``buffering`` is the size of the blocks that are read."""
        buffering = kwargs.pop("buffering", None)
        kwargs.setdefault("block_size", buffering)
        return TrackingFileWrapper(self, self.fs.open(self.path, mode=mode, **kwargs))

    def stat(self) -> stat_result:
        """What the store says of the file, with protocol and connection."""
        of_path = {"protocol": self.protocol, _CONN_ID: self.storage_options.get(_CONN_ID)}
        return stat_result(self.fs.stat(self.path), **of_path)

    def _scandir(self) -> Any:
        return contextlib.nullcontext(self.iterdir())

    def replace(self, target: Any) -> Any:
        """Rename it, over what there is; returns the new path."""
        return self.rename(target)

    @classmethod
    def cwd(cls) -> Any:
        """The working folder, of this class alone."""
        return _local_class(cls).cwd()

    @classmethod
    def home(cls) -> Any:
        """The home folder, likewise."""
        return _local_class(cls).home()

    def ukey(self) -> str:
        """What changes with the file."""
        return str(self.fs.ukey(self.path))

    def checksum(self) -> int:
        """The checksum of the file, as its store makes it."""
        return int(self.fs.checksum(self.path))

    def read_block(self, offset: int, length: int | None, delimiter: bytes | None = None) -> bytes:
        """A part of the file; with a delimiter it begins and ends at one."""
        return bytes(self.fs.read_block(self.path, offset=offset, length=length, delimiter=delimiter))

    def sign(self, expiration: int = 100, **kwargs: Any) -> str:
        """A URL that gives access for so many seconds; ``NotImplementedError`` of stores without such."""
        return str(self.fs.sign(self.path, expiration=expiration, **kwargs))

    def size(self) -> int:
        """The size of the file in bytes."""
        return int(self.fs.size(self.path))

    def copy(self, dst: "str | ObjectStoragePath", recursive: bool = False, **kwargs: Any) -> None:
        """Copy the file, or with ``recursive`` the folder, within the store or into another one.

        Into another store the key stays whole: ``s3://a/x/y`` becomes ``gs://b/x/y``. Raises
        ``FileNotFoundError``, and ``ValueError`` for a folder that is to become a file.
        """
        target = ObjectStoragePath(dst) if isinstance(dst, str) else dst
        if self.samestore(target):
            _tell(self, target)
            self.fs.copy(self.path, target.path, recursive=recursive, **kwargs)
        elif self.protocol == _FILE:
            _tell(self, target)
            target.fs.put(self.path, target.path, recursive=recursive, **kwargs)
        elif target.protocol == _FILE:
            _tell(self, target)
            self.fs.get(self.path, target.path, recursive=recursive, **kwargs)
        elif not self.exists():
            raise FileNotFoundError(f"{self} does not exist")
        elif self.is_dir():
            self._copy_folder(target, **kwargs)
        else:
            self._copy_file(target, **kwargs)

    def move(self, path: "str | ObjectStoragePath", recursive: bool = False, **kwargs: Any) -> None:
        """Move the file, or with ``recursive`` the folder; into another store it is copied and deleted."""
        target = ObjectStoragePath(path) if isinstance(path, str) else path
        if self.samestore(target):
            _tell(self, target)
            self.fs.move(self.path, target.path, recursive=recursive, **kwargs)
            return
        self.copy(target, recursive=recursive, **kwargs)
        self.unlink()

    def _copy_folder(self, target: "ObjectStoragePath", **kwargs: Any) -> None:
        """Copy what is in it, without empty folders, into another store."""
        if target.is_file():
            raise ValueError("Cannot copy directory to a file.")
        target.mkdir(exist_ok=True, parents=True)
        conn_id = self.storage_options.get(_CONN_ID)
        for place in self.fs.expand_path(self.path, recursive=True, **kwargs):
            inside = ObjectStoragePath(place, protocol=self.protocol, conn_id=conn_id)
            if place != self.path and not inside.is_dir():
                inside._copy_file(target)

    def _copy_file(self, target: "ObjectStoragePath", **kwargs: Any) -> None:
        """Copy the file into another store, by streaming it."""
        if not target.key or target.key.endswith(self.sep):
            target.mkdir(exist_ok=True, parents=True)
            target = target / self.key
        elif target.is_dir():
            target = target / self.key
        with self.open("rb") as source, target.open("wb") as copied:
            shutil.copyfileobj(source, copied, **kwargs)

    def serialize(self) -> dict[str, Any]:
        """What an XCom keeps of it."""
        options = dict(self.storage_options)
        conn_id = options.pop(_CONN_ID, None)
        return {"path": str(self), _CONN_ID: conn_id, "kwargs": options}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], version: int) -> "ObjectStoragePath":
        """The path again; raises ``ValueError`` for a later version."""
        if version > cls.__version__:
            raise ValueError(f"Cannot deserialize version {version} with version {cls.__version__}.")
        return ObjectStoragePath(data["path"], conn_id=data.get(_CONN_ID), **data["kwargs"])


ObjectStoragePath.__module__ = "airflow.io.path"  # its name in XComs


def _text_of(part: Any) -> str:
    return str(part.__fspath__()) if isinstance(part, os.PathLike) else str(part)


def _local_class(cls: type[ObjectStoragePath]) -> Any:
    if cls is not ObjectStoragePath:
        raise NotImplementedError
    return get_upath_class("")


def _tell(source: ObjectStoragePath, target: ObjectStoragePath) -> None:
    has_read(source)
    has_written(target)
