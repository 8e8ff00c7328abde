"""Random DAGs with mapped tasks: mapped by themselves or in mapped groups, over literals and outputs."""

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
from tests.scripted.scenarios import RULES, TEARDOWN

MAPPED_RULES = [rule for rule in RULES if rule != "always"]
"""Airflow allows no mapped task the rule ``always``."""

_WORDS = {
    "work": ["ok", "ok", "ok", "fail", "skip", "flaky", "nothing"],
    "branch": ["branch", "branch", "branch", "fail", "skip"],
    "short": ["ok", "short", "short"],
}
"""What the instances of a mapped task may do."""

_MOST_INSTANCES = 7
"""Of all mapped tasks together, where every instance that could be is: more orders cannot all be tried."""


@st.composite
def mapped_shapes(draw: st.DrawFn) -> list[Shape]:
    """DAGs of a few parts: plain tasks, mapped ones, mapped groups, some of them inside one another."""
    made = _Made(draw)
    made.add_plain(returns=draw(st.integers(0, 3)), behaviour="ok")
    for _ in range(draw(st.integers(1, 4))):
        draw(st.sampled_from([made.add_plain, made.add_mapped, made.add_mapped, made.add_group]))()
    return [_following(shape, made.shapes) for shape in made.shapes]


def _following(shape: Shape, shapes: Sequence[Shape]) -> Shape:
    """A branch that follows only tasks that there are."""
    names = {other.task_id for other in shapes}
    choices = tuple(tuple(name for name in choice if name in names) for choice in shape.choices)
    return replace(shape, follow=tuple(name for name in shape.follow if name in names), choices=choices)


def _stands_in(shape: Shape, group: MappedGroup) -> bool:
    return shape.expansion is not None and group in shape.expansion.groups


def _orders_by_index(shape: Shape) -> bool:
    return shape.expansion is not None and bool({"branch", "short"} & shape.behaviours)


@st.composite
def mapped_with_setups(draw: st.DrawFn) -> list[Shape]:
    """The same with setups and teardowns among them."""
    made: list[Shape] = []
    for shape in draw(mapped_shapes()):
        role = draw(st.sampled_from(["work", "work", "setup", "teardown"])) if _may_be_any(shape) else "work"
        made.append(_in_role(draw, shape, role, [other for other in made if other.role == "setup"]))
    return made


def _may_be_any(shape: Shape) -> bool:
    return shape.returns is None and not {"branch", "short"} & shape.behaviours


def _in_role(draw: st.DrawFn, shape: Shape, role: str, setups: Sequence[Shape]) -> Shape:
    near = [setup.task_id for setup in setups if not setup.expansion or setup.expansion == shape.expansion]
    if role == "teardown":
        own = draw(st.lists(st.sampled_from(near), unique=True, max_size=2)) if near else []
        upstream = tuple(sorted({*shape.upstream, *own}))
        return replace(shape, role=role, rule=TEARDOWN, upstream=upstream, fails_run=draw(st.booleans()))
    follows = any(setup.task_id in shape.upstream for setup in setups)
    return replace(shape, role=role, rule="all_success" if follows else shape.rule)


@dataclass
class _Made:
    draw: st.DrawFn
    shapes: list[Shape] = field(default_factory=list)
    instances: int = 0
    groups: int = 0

    # -- parts -------------------------------------------------------------------------------------

    def add_plain(self, *, returns: int | None = None, behaviour: str | None = None) -> None:
        """A plain task; of some, what they return can be mapped over."""
        draw = self.draw
        if behaviour is None:
            behaviour = draw(st.sampled_from(["ok", "ok", "fail", "skip", "flaky", "branch", "short"]))
            returns = draw(st.sampled_from([None, 0, 1, 2])) if behaviour in ("ok", "flaky", "skip") else None
        upstream = self._some()
        self._put(
            Shape(
                self._name(),
                upstream=upstream,
                rule=self._rule(upstream, RULES),
                behaviour=behaviour,
                returns=returns,
                follow=self._follow(),
                retries=int(behaviour == "flaky"),
                gently=draw(st.booleans()),
                is_empty=behaviour == "ok" and returns is None and draw(st.booleans()),
            )
        )

    def add_mapped(self) -> None:
        """A task that is mapped by itself."""
        length = self._length()
        if self.instances + self._most(length) <= _MOST_INSTANCES:
            upstream = self._among([shape.task_id for shape in self.shapes if not _orders_by_index(shape)])
            self._put_mapped(Expansion(own=length), (*upstream, *sources_of(length)))

    def add_group(self) -> None:
        """A mapped group of some tasks, maybe with another one inside it."""
        outer = self._group(self._length())
        inside = self._fill((outer,), ())
        has_inner: bool = self.draw(st.booleans())
        if inside and has_inner:
            lengths = [Literal(count=2), Literal(count=1), *self._lists(at_least=1)]
            inner = self._group(self.draw(st.sampled_from(lengths)))
            self._fill((outer, inner), inside)

    def _group(self, length: Length) -> MappedGroup:
        self.groups += 1
        return MappedGroup(group_id=f"g{self.groups}", length=length)

    def _fill(self, groups: tuple[MappedGroup, ...], inside: tuple[str, ...]) -> tuple[str, ...]:
        """Tasks of a mapped group; ``inside`` are those that stand in it already."""
        names: tuple[str, ...] = ()
        most = 1
        for group in groups:
            most *= self._most(group.length)
        for _ in range(self.draw(st.integers(1, 3))):
            if self.instances + most > _MOST_INSTANCES:
                break
            # (In Airflow an order means the same map index, which in a group inside is another's.)
            calm = [shape.task_id for shape in self.shapes if not _orders_by_index(shape)]
            mine = (*(name for name in inside if name in calm), *names)
            upstream = self._among(mine) or self._among([name for name in calm if name not in inside])
            upstream = self._with_sources(upstream, groups)
            is_direct = self.draw(st.sampled_from([True, True, False]))
            names = (*names, self._put_mapped(Expansion(groups=groups, is_direct=is_direct), upstream))
        return names

    def _with_sources(self, upstream: Sequence[str], groups: tuple[MappedGroup, ...]) -> tuple[str, ...]:
        """The roots of a mapped group follow what that is mapped over."""
        found = list(upstream)
        for group in groups:
            if not any(shape.task_id in upstream for shape in self.shapes if _stands_in(shape, group)):
                found += sources_of(group.length)
        return tuple(found)

    # -- details -----------------------------------------------------------------------------------

    def _put_mapped(self, expansion: Expansion, upstream: Sequence[str]) -> str:
        draw = self.draw
        upstream = tuple(sorted(set(upstream)))
        most = 1
        for length in expansion.lengths:
            most *= self._most(length)
        kinds = ["work", "work", "work", "branch", "short"] if expansion.groups else ["work"]
        kind = draw(st.sampled_from(kinds))
        words = _WORDS[kind]
        shape = Shape(
            self._name(),
            upstream=upstream,
            rule=self._rule(upstream, MAPPED_RULES),
            by_index=tuple(draw(st.lists(st.sampled_from(words), min_size=most, max_size=most))),
            behaviour="ok" if kind == "work" else kind,
            choices=tuple(self._follow() for _ in range(most)) if kind == "branch" else (),
            gently=draw(st.booleans()),
            expansion=expansion,
            retries=int(kind == "work" and draw(st.booleans())),
        )
        self.instances += most
        return self._put(shape)

    def _put(self, shape: Shape) -> str:
        self.shapes.append(shape)
        return shape.task_id

    def _name(self) -> str:
        return f"t{len(self.shapes)}"

    def _rule(self, upstream: Sequence[str], rules: list[str]) -> str:
        if not upstream:
            return "all_success"
        return self.draw(st.one_of(st.just("all_success"), st.sampled_from(rules)))

    def _some(self) -> tuple[str, ...]:
        return self._among([shape.task_id for shape in self.shapes])

    def _among(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.draw(st.lists(st.sampled_from(names), unique=True, max_size=2))) if names else ()

    def _follow(self) -> tuple[str, ...]:
        following = [f"t{len(self.shapes) + further}" for further in (1, 2, 3)]
        return tuple(self.draw(st.lists(st.sampled_from(following), unique=True, max_size=2)))

    def _length(self) -> Length:
        kind = self.draw(st.sampled_from(["literal", "output", "output", "product", "zip", "concat"]))
        if kind == "literal":
            return Literal(count=self.draw(st.integers(0, 3)))
        if kind == "output":
            return self._output()
        parts = (self._output(), self.draw(st.sampled_from([Literal(count=2), self._output()])))
        if kind == "product":
            return Product(parts=parts)
        return Zip(parts=parts, longest=self.draw(st.booleans())) if kind == "zip" else Concat(parts=parts)

    def _output(self) -> Length:
        """The output of a list, or of a mapped task; that of a task in a mapped group has no length."""
        mapped = [OutputOf(task_id=shape.task_id) for shape in self.shapes if shape.expansion]
        return self.draw(st.sampled_from([*self._lists(), *mapped]))

    def _lists(self, *, at_least: int = 0) -> list[Length]:
        lists = (shape for shape in self.shapes if shape.returns is not None and shape.returns >= at_least)
        return [OutputOf(task_id=shape.task_id) for shape in lists]

    def _most(self, length: Length) -> int:
        """How many items something mapped over has at most."""
        match length:
            case Literal(count=count):
                return count
            case OutputOf(task_id=task_id):
                shape = next(shape for shape in self.shapes if shape.task_id == task_id)
                return shape.returns or len(shape.by_index)
            case Zip(parts=parts):
                return max(map(self._most, parts))
            case Concat(parts=parts):
                return sum(map(self._most, parts))
            case Product(parts=parts):
                most = 1
                for part in parts:
                    most *= self._most(part)
                return most
