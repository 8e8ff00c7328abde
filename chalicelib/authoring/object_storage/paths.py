"""``ObjectStoragePath``, by the libraries that are installed: of any store, or of files alone."""

from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "ObjectStoragePath":
        raise AttributeError(f"module has no {name!r}")
    if find_spec("upath") is None:
        from chalicelib.authoring.object_storage import file_paths

        return file_paths.ObjectStoragePath
    from chalicelib.authoring.object_storage import store_paths

    return store_paths.ObjectStoragePath
