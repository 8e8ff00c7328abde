"""Open files of stores, which tell the lineage of the task of what is read and written."""

from typing import Any

from chalicelib.authoring.running.hook_lineage import get_hook_lineage_collector


def has_read(path: Any) -> None:
    """Tell that the task has read a path."""
    get_hook_lineage_collector().add_input_dataset(context=path, uri=str(path))


def has_written(path: Any) -> None:
    """Tell that it has written one."""
    get_hook_lineage_collector().add_output_dataset(context=path, uri=str(path))


class TrackingFileWrapper:
    """An open file: what is read from it and written to it joins the lineage of the task."""

    def __init__(self, path: Any, obj: Any) -> None:
        self._path = path
        self._obj = obj

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._obj, name)
        told = {"read": has_read, "write": has_written}.get(name)
        if told is None or not callable(found):
            return found

        def telling(*args: Any, **kwargs: Any) -> Any:
            told(self._path)
            return found(*args, **kwargs)

        return telling

    def __iter__(self) -> Any:
        return iter(self._obj)

    def __getitem__(self, key: Any) -> Any:
        return self._obj[key]

    def __enter__(self) -> "TrackingFileWrapper":
        self._obj.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._obj.__exit__(*raised)
