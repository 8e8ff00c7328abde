"""``task.output``: a task's XCom, used as an argument of another task before either has run.

``map``, ``zip`` and ``concat`` of outputs are outputs of a kind: what a task or group can be mapped over.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import XComNotFound
from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.lazy_sequences import (
    ConcatResult,
    LazyXComSelectSequence,
    MapResult,
    ZipResult,
)
from chalicelib.authoring.model.setup_teardown import SetupTeardownMixin
from chalicelib.authoring.notset import NOTSET
from chalicelib.domain.graph.expansion import Concat, Length, OutputOf, Zip

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator

XCOM_RETURN_KEY = "return_value"

MAX_XCOM_SIZE = 49_344
"""The bytes that Airflow holds an XCom to be at most; only operators of provider packages ask for it."""
"""The key under which a task's return value is pushed."""

Reference = tuple["BaseOperator", str]
"""A task and the key of one of its XComs."""


class XComArg(DependencyMixin):
    """A value made of tasks' XComs; using it as an argument makes the dependency.

    ``XComArg(operator, key)`` is a ``PlainXComArg``.
    """

    def __new__(cls, *_: Any, **__: Any) -> "XComArg":
        """Make a plain one where no kind is named."""
        return super().__new__(PlainXComArg if cls is XComArg else cls)

    @abstractmethod
    def iter_references(self) -> Iterator[Reference]:
        """The XComs that it is made of."""

    @property
    @abstractmethod
    def length(self) -> Length:
        """How many items it has to map over, by the lengths of what it is made of."""

    @abstractmethod
    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value in this run.

        That of a mapped task is a lazy sequence, as is what comes of ``map``, ``zip`` and ``concat``.
        """

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """The tasks."""
        return [operator for operator, _ in self.iter_references()]

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """The tasks."""
        return [operator for operator, _ in self.iter_references()]

    def map(self, f: Callable[[Any], Any]) -> "MapXComArg":
        """Each item as the function returns it, called where the item is used.

        Raises ``ValueError`` for a decorated function.
        """
        return MapXComArg(self, [f])

    def zip(self, *others: "XComArg", fillvalue: Any = NOTSET) -> "ZipXComArg":
        """Tuples of the items of each; as many as the shortest has, with a fill value as the longest."""
        return ZipXComArg([self, *others], fillvalue=fillvalue)

    def concat(self, *others: "XComArg") -> "ConcatXComArg":
        """The items of each, one after another."""
        return ConcatXComArg([self, *others])


class PlainXComArg(SetupTeardownMixin, XComArg):
    """The value that ``operator`` pushes under ``key``."""

    def __init__(self, operator: "BaseOperator", key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    def iter_references(self) -> Iterator[Reference]:
        """Itself."""
        yield self.operator, self.key

    @property
    def length(self) -> Length:
        """That of what the task returns."""
        return OutputOf(task_id=self.operator.task_id)

    def __getitem__(self, key: str) -> "PlainXComArg":
        """The value of one key of a task with multiple outputs."""
        if not isinstance(key, str):
            raise ValueError(f"XComArg only supports str lookup, received {type(key).__name__}")
        return PlainXComArg(self.operator, key)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("'XComArg' object is not iterable")

    def __str__(self) -> str:
        """The template that pulls the value: an output may stand inside an f-string."""
        dag = self.operator.dag_or_none
        dag_part = f"dag_id='{dag.dag_id}', " if dag is not None else ""
        pull = f"task_instance.xcom_pull(task_ids='{self.operator.task_id}', {dag_part}key='{self.key}')"
        return "{{ " + pull + " }}"

    def __repr__(self) -> str:
        if self.key == XCOM_RETURN_KEY:
            return f"XComArg({self.operator!r})"
        return f"XComArg({self.operator!r}, {self.key!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlainXComArg):
            return NotImplemented
        return self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def map(self, f: Callable[[Any], Any]) -> "MapXComArg":
        """As of any; raises ``ValueError`` for another key than that of the return value."""
        self._check_mappable("map against")
        return super().map(f)

    def zip(self, *others: XComArg, fillvalue: Any = NOTSET) -> "ZipXComArg":
        """As above."""
        self._check_mappable("map against")
        return super().zip(*others, fillvalue=fillvalue)

    def concat(self, *others: XComArg) -> "ConcatXComArg":
        """As above."""
        self._check_mappable("concatenate")
        return super().concat(*others)

    def _check_mappable(self, what: str) -> None:
        if self.key != XCOM_RETURN_KEY:
            raise ValueError(f"cannot {what} non-return XCom")

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value pushed in this run; within a mapped group, by the related instance.

        None for a return value that was not pushed, and for a missing key of a task with multiple
        outputs; raises ``XComNotFound`` for any other missing key.
        """
        ti = context["ti"]
        value = ti.pulls.output(self.operator, self.key)
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(
            f'XComArg result from {self.operator.task_id} at {ti.dag_id} with key="{self.key}" is not found!'
        )


class MapXComArg(XComArg):
    """Another with functions applied to its items, one after another."""

    def __init__(self, arg: XComArg, callables: Sequence[Callable[[Any], Any]]) -> None:
        if any(getattr(function, "is_task_factory", False) for function in callables):
            raise ValueError("map() argument must be a plain function, not a @task operator")
        self.arg = arg
        self.callables = callables

    def iter_references(self) -> Iterator[Reference]:
        """Those of the other."""
        return self.arg.iter_references()

    @property
    def length(self) -> Length:
        """That of the other."""
        return self.arg.length

    def map(self, f: Callable[[Any], Any]) -> "MapXComArg":
        """The items with one function more."""
        return MapXComArg(self.arg, [*self.callables, f])

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The items mapped as they are used; raises ``ValueError`` for what has no items."""
        return MapResult(_sequence(self.arg.resolve(context), "map"), self.callables)

    def __repr__(self) -> str:
        names = (getattr(function, "__name__", "<function>") for function in self.callables)
        return f"{self.arg!r}{''.join(f'.map({name})' for name in names)}"


class ZipXComArg(XComArg):
    """Several side by side."""

    def __init__(self, args: Sequence[XComArg], *, fillvalue: Any = NOTSET) -> None:
        self.args = args
        self.fillvalue = fillvalue

    def iter_references(self) -> Iterator[Reference]:
        """Those of each."""
        for arg in self.args:
            yield from arg.iter_references()

    @property
    def length(self) -> Length:
        """The shortest, or with a fill value the longest."""
        return Zip(parts=tuple(arg.length for arg in self.args), longest=self.fillvalue is not NOTSET)

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Tuples of the items, made as they are used; raises ``ValueError`` for what has no items."""
        values = [arg.resolve(context) for arg in self.args]
        return ZipResult([_sequence(value, "zip") for value in values], fillvalue=self.fillvalue)

    def __repr__(self) -> str:
        first, *rest = map(repr, self.args)
        filled = [] if self.fillvalue is NOTSET else [f"fillvalue={self.fillvalue!r}"]
        return f"{first}.zip({', '.join([*rest, *filled])})"


class ConcatXComArg(XComArg):
    """Several one after another."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        self.args = args

    def iter_references(self) -> Iterator[Reference]:
        """Those of each."""
        for arg in self.args:
            yield from arg.iter_references()

    @property
    def length(self) -> Length:
        """The sum."""
        return Concat(parts=tuple(arg.length for arg in self.args))

    def concat(self, *others: XComArg) -> "ConcatXComArg":
        """These and more."""
        return ConcatXComArg([*self.args, *others])

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The items of each, as they are used; raises ``ValueError`` for what has no items."""
        values = [arg.resolve(context) for arg in self.args]
        return ConcatResult([_sequence(value, "concat") for value in values])

    def __repr__(self) -> str:
        first, *rest = map(repr, self.args)
        return f"{first}.concat({', '.join(rest)})"


def _sequence(value: Any, what: str) -> Any:
    """The value, if it has items: an expanded task that pushed none has pushed nothing."""
    if what != "map" and isinstance(value, LazyXComSelectSequence) and not value:
        value = None
    if not isinstance(value, Sequence | dict):
        raise ValueError(f"XCom {what} expects sequence or dict, not {type(value).__name__}")
    return value
