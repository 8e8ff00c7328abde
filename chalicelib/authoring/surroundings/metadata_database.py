"""The metadata database that Airflow has and Updraft has not: its sessions load and refuse to be used."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from chalicelib.authoring.exceptions import AirflowFailException, NotOffered

_INSTEAD = (
    "read and write XComs with ti.xcom_pull and ti.xcom_push, variables with Variable.get and Variable.set, "
    "and ask the API for DAGs and runs"
)

NEW_SESSION: Final = None
"""What functions for ``provide_session`` have as default."""


class NoMetadataDatabase(NotOffered, AirflowFailException):
    """Code of the user's wants Airflow's database; a task that does fails at once, for good."""

    def __init__(self, what: str, instead: str = _INSTEAD) -> None:
        super().__init__(f"{what}, for there is no metadata database; {instead}")


class Session:
    """A session of no database: it can be opened, committed and closed, and refuses all else."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoMetadataDatabase(f"Session.{name}")

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> NoReturn:
        raise NoMetadataDatabase("Session")

    def commit(self) -> None:
        """Nothing was done that could be kept."""

    def flush(self, *_: Any) -> None:
        """As above."""

    def rollback(self) -> None:
        """Nothing was done that could be undone."""

    def close(self) -> None:
        """Nothing is open."""

    @classmethod
    def remove(cls) -> None:
        """As above."""


class Engine:
    """The engine of no database."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoMetadataDatabase(f"settings.engine.{name}")


@contextmanager
def create_session(*_: Any, **__: Any) -> Iterator[Session]:
    """A session for the code inside."""
    yield Session()


def provide_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a ``session`` where the caller gives none."""
    parameters = list(inspect.signature(function).parameters)
    place = parameters.index("session") if "session" in parameters else len(parameters)

    @functools.wraps(function)
    def with_session(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place or kwargs.get("session") is not None:
            return function(*args, **kwargs)
        return function(*args, **{**kwargs, "session": Session()})

    return with_session


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NoMetadataDatabase(f"airflow.utils.db.{name}")

    return refuse


check = _refused("check")
initdb = _refused("initdb")
merge_conn = _refused("merge_conn")
resetdb = _refused("resetdb")
upgradedb = _refused("upgradedb")
