"""Random DAGs with mapped tasks and mapped groups, as Airflow would accept them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import (
    Concat,
    Expansion,
    Length,
    Literal,
    MappedGroup,
    OutputOf,
    Product,
    Zip,
    sources_of,
)
from tests.scripted.dags import Shape
from tests.scripted.scenarios import shapes, with_setups

MOST_INDEXES = 4
"""Up to so many instances behave each in a way of its own."""

_WORDS = ["ok", "ok", "ok", "fail", "skip", "flaky"]
_SPLITS = {"branch": ["branch", "branch", "fail", "skip"], "short": ["short", "ok", "fail"]}


@st.composite
def mapped_shapes(draw: st.DrawFn) -> list[Shape]:
    """Shapes of which some are mapped, by themselves or with a group of which they stand side by side."""
    plain = draw(st.one_of(shapes(), with_setups()))
    made = _Made()
    while len(made.shapes) < len(plain):
        rest = plain[len(made.shapes) :]
        kind = draw(st.sampled_from(["plain", "plain", "mapped", "group"]))
        if kind == "group":
            length = draw(_lengths(made.sources))
            size = draw(st.integers(1, min(3, len(rest))))
            inner = draw(st.integers(0, size))  # where a group inside the group begins, if not at its end
            made.open_group(length)
            for shape in rest[:inner]:
                made.add(_in_role_of_index(draw, shape, made))
            if inner < size:
                made.open_group(draw(_lengths(made.sources)))
            for shape in rest[inner:size]:
                made.add(_in_role_of_index(draw, shape, made))
            made.close_groups()
        elif kind == "mapped":
            made.add(_in_role_of_index(draw, rest[0], made, own=draw(_lengths(made.sources))))
        else:
            made.add(_maybe_source(draw, rest[0]))
    return made.shapes


@dataclass
class _Made:
    shapes: list[Shape] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    """The tasks that can be mapped over."""
    groups: list[MappedGroup] = field(default_factory=list)
    """Those that are open, outermost first."""
    inside: list[list[str]] = field(default_factory=list)
    """The tasks of each of these."""

    def open_group(self, length: Length) -> None:
        name = f"g{len(self.shapes)}_{len(self.groups)}"
        self.groups.append(MappedGroup(group_id=name, length=length))
        self.inside.append([])

    def close_groups(self) -> None:
        self.groups, self.inside = [], []

    def add(self, shape: Shape) -> None:
        """Add a shape behind what it is mapped over; of a group, what begins it follows its sources."""
        over = [shape.expansion.own] if shape.expansion and shape.expansion.own else []
        for group, inside in zip(self.groups, self.inside, strict=True):
            if not set(inside).intersection(shape.upstream):
                over.append(group.length)
            inside.append(shape.task_id)
        upstream = {*shape.upstream, *(name for length in over for name in sources_of(length))}
        shape = replace(shape, upstream=tuple(sorted(upstream)))
        if shape.returns is not None or (shape.expansion and _is_work(shape)):
            self.sources.append(shape.task_id)
        self.shapes.append(shape)


def _lengths(names: Sequence[str]) -> st.SearchStrategy[Length]:
    literals = st.integers(0, 3).map(lambda count: Literal(count=count))
    if not names:
        return literals
    outputs = st.sampled_from(names).map(lambda name: OutputOf(task_id=name))
    pairs = st.tuples(outputs, outputs)
    either = st.one_of(literals, outputs)
    products = st.tuples(either, either).map(lambda parts: Product(parts=parts))
    joined = st.one_of(
        pairs.map(lambda parts: Zip(parts=parts, longest=False)),
        pairs.map(lambda parts: Zip(parts=parts, longest=True)),
        pairs.map(lambda parts: Concat(parts=parts)),
    )
    return st.one_of(literals, outputs, outputs, products, joined)


def _in_role_of_index(draw: st.DrawFn, shape: Shape, made: _Made, own: Length | None = None) -> Shape:
    """A shape whose instances behave each in its own way, mapped by itself or with the open groups."""
    words = draw(st.lists(st.sampled_from(_SPLITS.get(shape.behaviour, _WORDS)), max_size=MOST_INDEXES))
    choices = [shape.follow[:count] for count in draw(st.lists(st.integers(0, 2), max_size=MOST_INDEXES))]
    groups = () if own else tuple(made.groups)
    lengths = (own,) if own else tuple(group.length for group in groups)
    is_dynamic = any(name for length in lengths for name in sources_of(length))
    return replace(
        shape,
        expansion=Expansion(own=own, groups=groups, is_direct=bool(own) or draw(st.booleans())),
        by_index=tuple(words),
        choices=tuple(choices) if shape.behaviour == "branch" else (),
        # Airflow refuses the rule for what is mapped over outputs.
        rule="all_done" if shape.rule == "always" and is_dynamic else shape.rule,
        is_empty=False,
    )


def _maybe_source(draw: st.DrawFn, shape: Shape) -> Shape:
    if not _is_work(shape) or shape.is_empty:
        return shape
    return replace(shape, returns=draw(st.sampled_from([None, 0, 1, 2, 3])))


def _is_work(shape: Shape) -> bool:
    return shape.role == "work" and shape.behaviours.isdisjoint(_SPLITS)
