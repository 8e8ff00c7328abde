"""Datasets of Airflow 2: ``Dataset``, ``DatasetAlias``, conditions of both, and ``Metadata`` of an event.

Airflow 3's assets (``model.assets``) are made of them.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from chalicelib.domain.schedule.dataset_conditions import LONGEST_NAME

__all__ = ["BaseDataset", "Dataset", "DatasetAlias", "DatasetAll", "DatasetAny", "Metadata"]

_AIRFLOW_MODULE = "airflow.datasets"


class BaseDataset:
    """What ``schedule`` may be; ``|`` and ``&`` combine it."""

    any_of: ClassVar[type["Combined"]]
    all_of: ClassVar[type["Combined"]]

    def __bool__(self) -> bool:
        return True

    def __or__(self, other: object) -> "BaseDataset":
        return self._joined(self.any_of, other)

    def __and__(self, other: object) -> "BaseDataset":
        return self._joined(self.all_of, other)

    def _joined(self, kind: type["Combined"], other: object) -> "BaseDataset":
        if not isinstance(other, BaseDataset):
            return NotImplemented  # type: ignore[no-any-return]  # Python's word of operators
        if isinstance(self, Combined) and self.word == kind.word:
            return kind(*self.objects, other)
        return kind(self, other)

    def as_expression(self) -> Any:
        """The condition as JSON values: see ``domain.schedule.dataset_conditions``."""
        raise NotImplementedError

    def iter_datasets(self) -> Iterator[tuple[str, "Dataset"]]:
        """The datasets that it names, each once, by their URIs."""
        return iter(())


@dataclass(eq=False)
class DatasetAlias(BaseDataset):
    """A name by which a task finds the datasets that it changes when it runs."""

    name: str

    def __post_init__(self) -> None:
        checked_length("Dataset alias name", self.name)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, DatasetAlias) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def as_expression(self) -> Any:
        """The condition that any dataset has changed by this alias."""
        return {"alias": self.name}


@dataclass(eq=False)
class Dataset(os.PathLike[str], BaseDataset):
    """Data that tasks change and DAGs run by, named by a URI; raises ``ValueError`` for one that cannot be.

    Two are the same if their URIs are, in a normal form: scheme in lower case, no login, query sorted, no
    fragment and no ``/`` at the end.
    """

    __version__: ClassVar[int] = 1

    uri: str
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.uri = normalized_uri(self.uri)

    def __fspath__(self) -> str:
        return self.uri

    def __eq__(self, other: object) -> bool:
        return self.uri == other.uri if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uri)

    def as_expression(self) -> Any:
        """The condition that it has changed."""
        return self.uri

    def iter_datasets(self) -> Iterator[tuple[str, "Dataset"]]:
        """Itself."""
        yield self.uri, self

    @property
    def naming(self) -> dict[str, str]:
        """What it is called beside its URI: nothing in Airflow 2."""
        return {}


class Combined(BaseDataset):
    """A condition made of others; raises ``TypeError`` for anything else."""

    word: ClassVar[str]
    made_of: ClassVar[str] = "dataset"

    def __init__(self, *objects: BaseDataset) -> None:
        if not all(isinstance(each, BaseDataset) for each in objects):
            raise TypeError(f"expect {self.made_of} expressions in condition")
        self.objects = list(objects)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.objects))})"

    def as_expression(self) -> Any:
        """The condition as JSON values."""
        return {self.word: [each.as_expression() for each in self.objects]}

    def iter_datasets(self) -> Iterator[tuple[str, Dataset]]:
        """The datasets of all its parts, each once."""
        found: dict[str, Dataset] = {}
        for each in self.objects:
            for uri, dataset in each.iter_datasets():
                found.setdefault(uri, dataset)
        return iter(found.items())


class DatasetAny(Combined):
    """Holds when one of its parts does."""

    word = "any"


class DatasetAll(Combined):
    """Holds when all of its parts do."""

    word = "all"


BaseDataset.any_of, BaseDataset.all_of = DatasetAny, DatasetAll


@dataclass(init=False)
class Metadata:
    """What a task yields to give the event of a dataset its extra."""

    uri: str
    extra: dict[str, Any] = field(default_factory=dict)
    alias_name: str | None = None

    def __init__(
        self, target: str | Dataset, extra: dict[str, Any], alias: DatasetAlias | str | None = None
    ) -> None:
        self.target = target
        self.uri = key_of(target)
        self.extra = extra
        self.alias_name = alias.name if isinstance(alias, DatasetAlias) else alias


for _class in (Dataset, DatasetAlias, DatasetAny, DatasetAll):
    _class.__module__ = _AIRFLOW_MODULE  # shown in lineage
del _class


def condition_of(schedule: Any) -> BaseDataset | None:
    """The condition of a ``schedule``: one on datasets, or a list of them, which asks for all.

    None if it is no such schedule. Raises ``ValueError`` for a list with anything else in it.
    """
    if isinstance(schedule, BaseDataset):
        return schedule if isinstance(schedule, Combined) else schedule.any_of(schedule)
    if isinstance(schedule, str) or not isinstance(schedule, Iterable):
        return None
    parts = list(schedule)
    if not all(_may_be_listed(each) for each in parts):
        raise ValueError("All elements in 'schedule' should be datasets or dataset aliases")
    return DatasetAll(*parts)


def _may_be_listed(part: Any) -> bool:
    """Whether a list of datasets may have it; in Airflow 3 that is true of conditions, too."""
    return isinstance(part, BaseDataset) and type(part) not in (DatasetAny, DatasetAll)


def key_of(target: str | Dataset | DatasetAlias) -> str:
    """The URI of a dataset, the name of an alias; of a text the normal form of the URI that it is."""
    if isinstance(target, DatasetAlias):
        return target.name
    return target.uri if isinstance(target, Dataset) else normalized_uri(str(target))


def normalized_uri(uri: str) -> str:
    """The normal form of a URI, by Airflow's rules; raises ``ValueError`` for one that cannot be."""
    _check(uri)
    return checked_length("Dataset URI", normal_form(uri, "Dataset", _without_login))


def checked_length(what: str, text: str) -> str:
    """A URI or a name that can be kept; raises ``ValueError`` for a longer one."""
    size = len(text.encode())
    if size > LONGEST_NAME:
        raise ValueError(f"{what} is {size:,} bytes long; at most {LONGEST_NAME:,} fit")
    return text


def normal_form(uri: str, what: str, host_of: Callable[[SplitResult], str]) -> str:
    """The same for a URI that is no empty text; ``host_of`` says what stays of a login before the host."""
    parsed = urlsplit(uri)
    scheme = parsed.scheme.lower()
    if not scheme or scheme.startswith("x-"):
        return uri
    if scheme == "airflow":
        raise ValueError(f"{what} scheme 'airflow' is reserved")
    return urlunsplit(
        SplitResult(
            scheme=scheme,
            netloc=host_of(parsed),
            path=parsed.path.rstrip("/") or "/",
            query=urlencode(sorted(parse_qsl(parsed.query))) if parsed.query else "",
            fragment="",
        )
    )


def _check(uri: str) -> None:
    if not uri:
        raise ValueError("Dataset URI cannot be empty")
    if uri.isspace():
        raise ValueError("Dataset URI cannot be just whitespace")
    if not uri.isascii():
        raise ValueError("Dataset URI must only consist of ASCII characters")


def _without_login(parsed: SplitResult) -> str:
    _, has_login, rest = parsed.netloc.rpartition("@")
    if has_login:
        warnings.warn(
            "A dataset URI should not contain auth info (e.g. username or password). "
            "It has been automatically dropped.",
            UserWarning,
            stacklevel=6,
        )
    return rest
