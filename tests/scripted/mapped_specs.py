"""The DAGs of ``tests/contract/mapped_dags`` as shapes.

What an instance does is written in the value that it gets, and is worked out here: each word is ``ok...``,
``fail...``, ``skip...`` or ``flaky...`` (fails once), ``drop...`` where a mapping skips it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product, zip_longest
from typing import Any

from chalicelib.domain.graph.expansion import (
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

Node = dict[str, Any]
TEARDOWN = "all_done_setup_success"


def shapes_of_mapped(spec: dict[str, Any]) -> list[Shape]:
    """The shapes of an entry of ``mapped_dags.json``, in topological order."""
    made = _Made()
    for node in spec["nodes"]:
        made.add(node)
    for before, after in spec.get("edges", []):
        made.connect(before, made.roots(after))
    for shape in made.shapes.values():
        follow = tuple(root for chosen in shape.follow for root in made.roots(chosen))
        made.shapes[shape.task_id] = replace(shape, follow=follow)
    return _sorted(made.shapes)


@dataclass
class _Made:
    shapes: dict[str, Shape] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    """The tasks of each group, those of the groups inside it among them."""
    values: dict[str, list[Any]] = field(default_factory=dict)
    """What a list returns; of a mapped task the value of each instance, None where it returns none."""

    def add(self, node: Node) -> None:
        name = _full(node, node["id"])
        {"group": self._group, "mapped_group": self._mapped_group}.get(node["kind"], self._task)(node, name)
        for upstream in node.get("up", []):
            self.connect(upstream, self.roots(name))

    def connect(self, before: str, after: Iterable[str]) -> None:
        ends = self._leaves(before)
        for name in after:
            self.shapes[name] = _after(self.shapes[name], ends)

    def roots(self, name: str) -> list[str]:
        if name not in self.groups:
            return [name]
        inside = set(self.groups[name])
        return [one for one in self.groups[name] if inside.isdisjoint(self.shapes[one].upstream)]

    def _leaves(self, name: str) -> list[str]:
        if name not in self.groups:
            return [name]
        inside = self.groups[name]
        followed = {before for one in inside for before in self.shapes[one].upstream}
        return [one for one in inside if one not in followed]

    def _group(self, node: Node, name: str) -> None:
        self.groups[name] = []

    def _put(self, shape: Shape) -> None:
        self.shapes[shape.task_id] = shape
        parts = shape.task_id.split(".")
        for depth in range(1, len(parts)):
            self.groups[".".join(parts[:depth])].append(shape.task_id)

    def _task(self, node: Node, name: str) -> None:
        shape = Shape(name, rule=node.get("rule", "all_success"), retries=node.get("retries", 0))
        match node["kind"]:
            case "task":
                shape = replace(shape, behaviour=_behaviour(node["do"]))
            case "list":
                self.values[name] = node["value"]
                behaviour = _behaviour(node.get("do", "ok"))
                shape = replace(shape, behaviour=behaviour, returns=len(node["value"]))
            case "branch":
                shape = replace(shape, behaviour="branch", follow=tuple(node["follow"]))
            case "short":
                behaviour = "ok" if node["value"] else "short"
                shape = replace(shape, behaviour=behaviour, gently=node.get("gently", False))
            case "reduce":
                shape = _after(shape, [node["of"]])
            case "map":
                shape = self._mapped(node, shape)
            case "setup":
                shape = replace(shape, behaviour=_behaviour(node["do"]), role="setup")
            case "teardown":
                fails_run = node.get("counts", False)
                shape = replace(shape, behaviour=_behaviour(node["do"]), role="teardown", rule=TEARDOWN)
                shape = _after(replace(shape, fails_run=fails_run), node["of"])
        self._put(shape)

    def _mapped(self, node: Node, shape: Shape) -> Shape:
        length, words = self._source(node["over"])
        if node.get("kwargs"):
            words = [word["x"] for word in words]
        if "over2" in node:
            other, others = self._source(node["over2"])
            length = Product(parts=(length, other))
            words = [word for word, _ in product(words, others)]
        self.values[shape.task_id] = [_value(word, shape.retries) for word in words]
        shape = replace(
            shape,
            expansion=Expansion(own=length),
            max_active_tis_per_dag=node.get("limit"),
            max_active_tis_per_dagrun=node.get("limit_run"),
        )
        return _after(_with_words(shape, words), sources_of(length))

    def _mapped_group(self, node: Node, name: str) -> None:
        self.groups[name] = []
        length, words = self._source(node["over"])
        expansion = Expansion(groups=(MappedGroup(group_id=name, length=length),))
        for inner in node["inner"]:
            one = f"{name}.{inner['id']}"
            before = f"{name}.{inner['of']}" if inner.get("of") else None
            given = words if before is None else self.values[before]
            if "do" in inner:
                given = [inner["do"]] * len(words)
            shape = Shape(one, rule=inner.get("rule", "all_success"), retries=inner.get("retries", 0))
            self.values[one] = [_value(word, shape.retries) for word in given]
            upstream = [f"{name}.{up}" for up in inner.get("up", [])] + ([before] if before else [])
            shape = replace(shape, expansion=expansion)
            if inner["kind"] != "reduce":
                shape = _with_words(shape, given)
            self._put(_after(shape, upstream))
        for root in self.roots(name):
            self.shapes[root] = _after(self.shapes[root], sources_of(length))

    def _source(self, over: dict[str, Any]) -> tuple[Length, list[Any]]:
        if "lit" in over:
            return Literal(count=len(over["lit"])), over["lit"]
        length: Length = OutputOf(task_id=over["of"])
        words = self._words(over["of"])
        if "zip" in over:
            length = Zip(parts=(length, OutputOf(task_id=over["zip"])), longest="fill" in over)
            others = self._words(over["zip"])
            pairs = (
                zip_longest(words, others, fillvalue=over["fill"])
                if "fill" in over
                else zip(words, others, strict=False)
            )
            words = [":".join(map(str, pair)) for pair in pairs]
        if over.get("via") == "renamed":
            words = ["skip" if str(word).startswith("drop") else f"{word}+" for word in words]
        return length, words

    def _words(self, name: str) -> list[Any]:
        """The values of a list; of a mapped task those that exist, without gaps."""
        values = self.values[name]
        return values if self.shapes[name].expansion is None else [one for one in values if one is not None]


def _full(node: Node, name: str) -> str:
    return f"{node['in']}.{name}" if node.get("in") else name


def _after(shape: Shape, upstream: Iterable[str]) -> Shape:
    return replace(shape, upstream=tuple(sorted({*shape.upstream, *upstream})))


def _with_words(shape: Shape, words: Sequence[Any]) -> Shape:
    return replace(shape, by_index=tuple(_behaviour(word) for word in words))


def _behaviour(word: object) -> str:
    found = (one for one in ("fail", "skip", "flaky") if str(word).startswith(one))
    return next(found, "nothing" if word is None else "ok")


def _value(word: object, retries: int) -> object:
    """What an instance returns that gets a word: None if it fails or is skipped."""
    behaviour = _behaviour(word)
    return word if behaviour == "ok" or (behaviour == "flaky" and retries) else None


def _sorted(shapes: dict[str, Shape]) -> list[Shape]:
    """Each after its upstreams, as far as it was not so already."""
    done: dict[str, Shape] = {}
    while len(done) < len(shapes):
        ready = [one for one in shapes.values() if one.task_id not in done and done.keys() >= {*one.upstream}]
        done[ready[0].task_id] = ready[0]
    return list(done.values())
