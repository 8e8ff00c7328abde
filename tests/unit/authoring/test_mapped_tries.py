"""Tries of instances of mapped tasks: what each index is given, and what it hands on.

What is expected was seen with ``dag.test()`` of Airflow 2.10.5.
"""

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running.rendering import rendered_fields
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import FakeXComs, dag_of, request_for, run

BEGINNING = """
import json
from datetime import datetime, timezone

from airflow import DAG
from airflow.decorators import task, task_group
from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.models.baseoperator import BaseOperator
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator, get_current_context


def plain(value):
    if isinstance(value, (str, int)) or value is None:
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value]


def louder(word):
    if word == "drop":
        raise AirflowSkipException("dropped")
    if word == "boom":
        raise ValueError("boom")
    return word.upper()


class Show(BaseOperator):
    template_fields = ("a", "b")

    def __init__(self, *, a=None, b=None, c=None, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b, self.c = a, b, c

    def execute(self, context):
        assert context["task"] is self and context["ti"].task is self and self.dag is context["dag"]
        return [plain(self.a), plain(self.b), plain(self.c), dict(context["params"])]


with DAG("x", start_date=datetime(2024, 1, 1, tzinfo=timezone.utc), schedule=None) as dag:

    @task
    def see(v, w=None, z=None, expanded_ti_count=None):
        return [plain(v), plain(w), plain(z), expanded_ti_count]

    @task
    def words(): ...

    @task
    def numbers(): ...

    @task
    def made(x=None):
        return x

    w, n = words(), numbers()
"""


def loaded(folder: Path, lines: str) -> DAG:
    return dag_of(folder, BEGINNING + indent(lines, "    ") + "\n")


def given(**outputs: Any) -> FakeXComs:
    xcoms = FakeXComs()
    for task_id, value in {"words": ["a", "drop", "b", "boom"], "numbers": [1, 2], **outputs}.items():
        xcoms.given(task_id, value)
    return xcoms


def tried(dag: DAG, task_id: str, index: int, length: int, xcoms: FakeXComs, **more: Any) -> TryOutcome:
    return run(dag, task_id, xcoms, **{"map_index": index, "map_levels": (length,), **more})


def seen(dag: DAG, task_id: str, length: int, xcoms: FakeXComs, **more: Any) -> list[Any]:
    """What each index returned, or how it ended."""
    outcomes = [tried(dag, task_id, index, length, xcoms, **more) for index in range(length)]
    returned = xcoms.mapped.get((task_id, "return_value"), {})
    return [
        json.loads(returned[index]) if outcome.result is TryResult.SUCCESS else str(outcome.result)
        for index, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("lines", "length", "expected"),
    [
        ("see.expand(v=[[1, 2], 'x'])", 2, [[[1, 2], None, None, 2], ["x", None, None, 2]]),
        ("see.expand(v={'k': 1, 'l': 2})", 2, [[["k", 1], None, None, 2], [["l", 2], None, None, 2]]),
        ("see.expand(v=n)", 2, [[1, None, None, 2], [2, None, None, 2]]),
        ("see.partial(w=5).expand(v=n)", 2, [[1, 5, None, 2], [2, 5, None, 2]]),
        ("see.partial(v=5).expand(v=n)", 2, [[1, None, None, 2], [2, None, None, 2]]),
        ("see.partial(w=n).expand(v=['a'])", 1, [["a", [1, 2], None, 1]]),
        ("see.expand(v=[n, 'b'])", 2, [[[1, 2], None, None, 2], ["b", None, None, 2]]),
        (
            "see.expand(z=n, v=['p', 'q'], w=['r'])",
            4,
            [["p", "r", 1, 4], ["q", "r", 1, 4], ["p", "r", 2, 4], ["q", "r", 2, 4]],
        ),
        (
            "see.expand(v=w.map(louder))",
            4,
            [["A", None, None, 4], "skipped", ["B", None, None, 4], "failed"],
        ),
        ("see.expand(v=w.zip(n))", 2, [[["a", 1], None, None, 2], [["drop", 2], None, None, 2]]),
        (
            "see.expand(v=n.zip(w, fillvalue='?').map(list))",
            4,
            [[[1, "a"], None, None, 4], [[2, "drop"], None, None, 4]]
            + [[["?", word], None, None, 4] for word in ("b", "boom")],
        ),
        (
            "see.expand(v=n.concat(w, n))",
            8,
            [[value, None, None, 8] for value in (1, 2, "a", "drop", "b", "boom", 1, 2)],
        ),
        (
            "see.expand_kwargs([{'v': 1}, {'v': 2, 'w': n}, {'w': 3}, {'v': 1, 'nope': 2}])",
            4,
            [[1, None, None, 4], [2, [1, 2], None, 4], "failed", "failed"],
        ),
        ("see.partial(w=1).expand_kwargs([{'v': 1, 'w': 2}])", 1, ["failed"]),
        ("see.partial(w=1).expand_kwargs([{'v': 1, 'w': 2}], strict=False)", 1, [[1, 2, None, 1]]),
        ("see.expand_kwargs(n)", 2, ["failed", "failed"]),
        ("see.expand_kwargs(n.map(lambda x: {'v': x}))", 2, [[1, None, None, 2], [2, None, None, 2]]),
    ],
)
def test_an_index_is_given_what_airflow_gives_it(
    lines: str, length: int, expected: list[Any], tmp_path: Path
) -> None:
    assert seen(loaded(tmp_path, lines), "see", length, given()) == expected


def test_only_literals_and_expand_kwargs_are_templates(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
Show.partial(task_id="literal", b="{{ ds }}").expand(a=["{{ ti.map_index }}", ["{{ ds }}"]])
Show.partial(task_id="output", b=w).expand(a=w)
Show.partial(task_id="kwargs", c="{{ ds }}").expand_kwargs(n)
see.partial(w="{{ ds }}").expand(v=w)
""",
    )
    xcoms = given(words=["{{ ds }}", {"k": "{{ ds }}"}], numbers=[{"a": "{{ ds }}"}])
    day = "2024-05-06"
    assert seen(dag, "literal", 2, xcoms) == [["0", day, None, {}], [[day], day, None, {}]]
    raw = ["{{ ds }}", {"k": "{{ ds }}"}]
    assert seen(dag, "output", 2, xcoms) == [[raw[0], raw, None, {}], [raw[1], raw, None, {}]]
    assert seen(dag, "kwargs", 1, xcoms) == [[day, None, "{{ ds }}", {}]]
    assert seen(dag, "see", 2, xcoms) == [[raw[0], day, None, 2], [raw[1], day, None, 2]]


def test_arguments_of_operators_may_be_given_once_unless_that_is_allowed(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
Show.partial(task_id="strict", a="z").expand_kwargs([{"a": "y"}])
Show.partial(task_id="of_task").expand_kwargs([{"retries": 3}])
Show.partial(task_id="loose", a="z").expand_kwargs([{"a": "y"}], strict=False)
Show.partial(task_id="unknown").expand_kwargs([{"nope": 1}])
Show.partial(task_id="key").expand_kwargs([{3: 1}])
Show.partial(task_id="params", params={"p": 1, "q": 1}).expand(params=[{"q": 2}, {"r": 3}, None])
Show.partial(task_id="push").expand(do_xcom_push=[True, False])
""",
    )
    xcoms = given()

    def reason(task_id: str) -> str:
        return tried(dag, task_id, 0, 1, xcoms).reason

    assert reason("strict") == "TypeError: unmappable or already specified argument: a"
    assert reason("of_task") == "TypeError: unmappable or already specified argument: retries"
    assert reason("unknown").startswith("AirflowException: Invalid arguments were passed to Show")
    assert reason("key") == (
        "ValueError: expand_kwargs() input dict keys must all be str, but 3 is of type int"
    )
    assert seen(dag, "loose", 1, xcoms) == [["y", None, None, {}]]
    assert [values[-1] for values in seen(dag, "params", 3, xcoms)] == [
        {"p": 1, "q": 2},
        {"p": 1, "q": 1, "r": 3},
        {"p": 1, "q": 1},
    ]
    assert [tried(dag, "push", index, 2, xcoms).result for index in (0, 1)] == ["success", "success"]
    assert list(xcoms.mapped["push", "return_value"]) == [0]


def test_attributes_that_were_set_on_the_mapped_task_are_those_of_its_instances(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
dag.default_args["a"] = "default"
class Tell(Show):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        assert (self.task_id, self.dag.dag_id) == ("tell", "x")

    def execute(self, context):
        upstream = sorted(self.upstream_task_ids)
        return [self.a, self.retries, self.trigger_rule, self.owner, self.task_id, upstream]
mapped = Tell.partial(task_id="tell", owner="ann", retries=1).expand(b=[1])
mapped.retries, mapped.trigger_rule = 7, "all_done"
w >> mapped
""",
    )
    assert seen(dag, "tell", 1, given()) == [["default", 7, "all_done", "ann", "tell", ["words"]]]
    assert sorted(dag.task_dict) == ["numbers", "tell", "words"]


def test_tasks_of_a_mapped_group_work_on_their_own_index(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
@task_group
def g(v, w=3):
    one = see.override(task_id="one")(v, w)
    see.override(task_id="two")(one, v)
    return one
see.override(task_id="all")(g.expand_kwargs(n.map(lambda x: {"v": x, "w": -x})))
""",
    )
    xcoms = given()
    assert seen(dag, "g.one", 2, xcoms) == [[1, -1, None, 2], [2, -2, None, 2]]
    assert seen(dag, "g.two", 2, xcoms) == [[[1, -1, None, 2], 1, None, 2], [[2, -2, None, 2], 2, None, 2]]
    run(dag, "all", xcoms)
    assert xcoms.value("all") == [[[1, -1, None, 2], [2, -2, None, 2]], None, None, None]


def test_expand_kwargs_of_a_group_gives_no_defaults_as_in_airflow(tmp_path: Path) -> None:
    lines = "@task_group\ndef g(v, w=3):\n    see(v, w)\ng.expand_kwargs([{'v': 1}, {'v': 2, 'w': 4}])"
    xcoms = given()
    assert seen(loaded(tmp_path, lines), "g.see", 2, xcoms) == ["failed", [2, 4, None, 2]]


@pytest.mark.parametrize("over", ["[1, 2]", "n"])
def test_nested_groups_count_their_indexes_as_airflow_does(over: str, tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        f"""
@task_group
def inner(w, v, o):
    one = see.override(task_id="one")(w, v)
    see.override(task_id="two")(one, o)
    return one

@task_group
def outer(v):
    o = made.override(task_id="o")(v)
    within = inner.partial(v=v, o=o).expand(w=[10, 20, 30])
    see.override(task_id="after")(within)
    return within

see.override(task_id="all")(outer.expand(v={over}))
""",
    )
    xcoms = given()
    assert seen(dag, "outer.o", 2, xcoms) == [1, 2]
    # The outer argument goes by the index modulo its number, the outer task's output by the outer index.
    one = [[10, 1], [20, 2], [30, 1], [10, 2], [20, 1], [30, 2]]
    assert [value[:2] for value in seen(dag, "outer.inner.one", 6, xcoms, map_levels=(2, 3))] == one
    two = seen(dag, "outer.inner.two", 6, xcoms, map_levels=(2, 3))
    assert [value[1] for value in two] == [1, 1, 1, 2, 2, 2]
    after = seen(dag, "outer.after", 2, xcoms)
    assert [[value[:2] for value in values[0]] for values in after] == [[[10, 1]], [[20, 2]]]
    run(dag, "all", xcoms)
    assert [value[:2] for value in xcoms.value("all")[0]] == one


def test_mapping_over_a_mapped_task_closes_gaps(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path, "m = made.expand(x=w)\nsee.expand(v=m)\nsee.override(task_id='up').expand(v=m.map(str))"
    )
    xcoms = given()
    xcoms.given_by_index("made", {0: "a", 3: "d", 10: "k", 2: "c"})
    expected = [[value, None, None, 4] for value in ("a", "c", "d", "k")]
    assert seen(dag, "see", 4, xcoms) == expected
    assert seen(dag, "up", 4, xcoms) == expected
    assert set(xcoms.requests) == {"made#*#return_value"}


def test_without_gaps_an_item_is_one_request(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
m = made.expand(x=[1, 2])
see.expand(v=m)
see.override(task_id="up").expand(v=m.map(str))
see.override(task_id="over_plain").expand(v=n)
@task_group
def g(v):
    see(v, v)
g.expand(v=m)
see.override(task_id="both").partial(w=m).expand(v=m)
""",
    )
    xcoms = given()
    xcoms.given_by_index("made", {0: "a", 1: "b"})

    def requests(task_id: str) -> list[str]:
        xcoms.requests.clear()
        assert tried(dag, task_id, 1, 2, xcoms, has_gaps=False).result is TryResult.SUCCESS
        return xcoms.requests

    assert requests("see") == ["made#1#return_value"]
    assert requests("up") == ["made#1#return_value"]
    assert requests("g.see") == ["made#1#return_value"]
    assert requests("over_plain") == ["numbers#-1#return_value"]
    assert requests("both") == ["made#1#return_value", "made#*#return_value"]


def test_a_reduce_is_given_a_lazy_sequence_and_of_nothing_nothing(tmp_path: Path) -> None:
    dag = loaded(tmp_path, "m = made.expand(x=w)\n@task\ndef whole(v): return v\nwhole(m)\nsee(m)")
    xcoms = given()
    run(dag, "see", xcoms)
    assert xcoms.value("see") == [None, None, None, None]
    xcoms.given_by_index("made", {1: "b", 0: {"a": 1}})
    run(dag, "see", xcoms)
    assert xcoms.value("see") == [[{"a": 1}, "b"], None, None, None]
    run(dag, "whole", xcoms)
    assert xcoms.value("whole") == [{"a": 1}, "b"]


def test_what_a_lazy_sequence_can(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
m = made.expand(x=w)
@task
def look(v):
    def error(index):
        try:
            return v[index]
        except (IndexError, TypeError) as raised:
            return repr(raised)
    assert v and v == [1, 2, 4] and [1, 2, 4] == v and v != [1, 2] and 2 in v
    return {
        "first": v[0], "last": v[-1], "beyond": [error(9), error(-9), error("a")], "length": len(v),
        "slices": [v[1:], v[:2], v[::-1], v[-2:], v[5:]], "text": str(v), "reversed": list(reversed(v)),
        "index": v.index(4), "count": v.count(1), "kind": type(v).__name__,
    }
look(m)
""",
    )
    xcoms = given()
    xcoms.given_by_index("made", {0: 1, 1: 2, 3: 4})
    run(dag, "look", xcoms)
    assert xcoms.value("look") == {
        "first": 1,
        "last": 4,
        "beyond": [
            "IndexError(9)",
            "IndexError(-9)",
            "TypeError('Sequence indices must be integers or slices, not str')",
        ],
        "length": 3,
        "slices": [[2, 4], [1, 2], [4, 2, 1], [2, 4], []],
        "text": "LazySelectSequence([3 items])",
        "reversed": [4, 2, 1],
        "index": 2,
        "count": 1,
        "kind": "LazyXComSelectSequence",
    }
    assert xcoms.requests == ["made#*#return_value"]


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        ("task_ids='made'", [1, 2, 4]),
        ("task_ids='made', map_indexes=1", 2),
        ("task_ids='made', map_indexes=2", None),
        ("task_ids='made', map_indexes=2, default=5", 5),
        ("task_ids='made', map_indexes=[3, 0, 2]", [4, 1]),
        ("task_ids='made', map_indexes=range(3, -1, -1)", [4, 2, 1]),
        ("task_ids=['made', 'words', 'nobody']", [1, 2, 4, "w"]),
        ("task_ids=['made', 'words'], map_indexes=1", [2]),
        ("task_ids=['made', 'words'], map_indexes=-1", ["w"]),
        ("task_ids='words', map_indexes=0", None),
        ("task_ids='words', map_indexes=[-1]", ["w"]),
        ("task_ids='made', key='k'", ["k1"]),
        ("task_ids='made', key='nothing'", None),
        ("key='k'", ["k1"]),
        ("key='k', map_indexes=0", "k1"),
    ],
)
def test_pulling_from_a_mapped_task(pull: str, expected: Any, tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        f"m = made.expand(x=w)\n@task\ndef look(ti=None): return plain(ti.xcom_pull({pull}))\nm >> look()",
    )
    xcoms = given(words="w")
    xcoms.given_by_index("made", {0: 1, 1: 2, 3: 4})
    xcoms.given_by_index("made", {0: "k1"}, key="k")
    assert run(dag, "look", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("look") == expected


@pytest.mark.parametrize(
    ("value", "length", "reason"),
    [
        ("[1, 2]", 2, ""),
        ("{'a': 1}", 1, ""),
        ("(1, 2, 3)", 3, ""),
        ("[]", 0, ""),
        ("list(range(1024))", 1024, ""),
        (
            "list(range(1025))",
            None,
            "UnmappableXComLengthPushed: unmappable return value length: 1025 > 1024",
        ),
        ("3", None, "UnmappableXComTypePushed: unmappable return type 'int'"),
        ("'abc'", None, "UnmappableXComTypePushed: unmappable return type 'str'"),
        ("{1}", None, "UnmappableXComTypePushed: unmappable return type 'set'"),
        ("None", None, "XComForMappingNotPushed: did not push XCom for task mapping"),
    ],
)
@pytest.mark.parametrize(
    "over",
    [
        "see.expand(v=r)",
        "see.expand_kwargs(r)",
        "see.expand(v=[r])",
        "see.expand(v=w.zip(r.map(str)))",
        "task_group(group_id='g')(lambda v: see(v)).expand(v=r)",
    ],
)
def test_what_is_mapped_over_has_to_be_mappable(
    value: str, length: int | None, reason: str, over: str, tmp_path: Path
) -> None:
    dag = loaded(tmp_path, f"@task\ndef returned(): return {value}\nr = returned()\n{over}")
    outcome = run(dag, "returned", given())
    assert (outcome.output_length, outcome.reason) == (length, reason)


def test_a_task_that_nothing_is_mapped_over_may_return_anything(tmp_path: Path) -> None:
    dag = loaded(tmp_path, "@task\ndef returned(): return 3\nsee.partial(w=returned()).expand(v=[1])")
    outcome = run(dag, "returned", given())
    assert (outcome.result, outcome.output_length) == (TryResult.SUCCESS, None)


def test_the_most_items_are_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")
    dag = loaded(tmp_path, "@task\ndef returned(): return [1, 2, 3]\nsee.expand(v=returned())")
    assert run(dag, "returned", given()).reason.endswith("unmappable return value length: 3 > 2")


def test_what_was_not_pushed_cannot_be_mapped_over(tmp_path: Path) -> None:
    lines = "@task(do_xcom_push=False)\ndef returned(): return [1]\nsee.expand(v=returned())"
    reason = run(loaded(tmp_path, lines), "returned", given()).reason
    assert reason == "XComForMappingNotPushed: did not push XCom for task mapping"


def test_instances_of_a_mapped_task_count_by_their_values(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
@task
def one(x, ti=None):
    if x == "by hand":
        ti.xcom_push("return_value", x)
        raise AirflowException(x)
    if x == "fail":
        raise AirflowException(x)
    return x
see.expand(v=one.expand(x=[1, None, "by hand", "fail", [1, 2]]))
""",
    )
    lengths = [tried(dag, "one", index, 5, given()).output_length for index in range(5)]
    assert lengths == [1, 0, 1, None, 1]


def test_instances_in_a_mapped_group_have_to_return_what_can_be_mapped_over(tmp_path: Path) -> None:
    lines = "@task_group\ndef g(x):\n    return made(x)\nsee.expand(v=g.expand(x=[1, [1, 2]]))"
    outcomes = [tried(loaded(tmp_path, lines), "g.made", index, 2, given()) for index in (0, 1)]
    assert outcomes[0].reason == "UnmappableXComTypePushed: unmappable return type 'int'"
    assert outcomes[1].output_length == 1


def test_an_instance_is_named_by_its_template(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
@task(map_index_template="{{ name }}-{{ ti.map_index }}")
def named(x):
    get_current_context()["name"] = x[:1]
    if x == "fail":
        raise AirflowException(x)
    if x == "skip":
        raise AirflowSkipException(x)
named.expand(x=["a", "fail", "skip"])

@task(map_index_template="{{ nothing }}")
def missing(x):
    if x == "fail":
        raise AirflowException("own")
missing.expand(x=["a", "fail"])
BashOperator.partial(task_id="bash", map_index_template="{{ task.bash_command }}").expand(
    bash_command=["echo " + "b" * 300]
)
@task(map_index_template="on {{ ds }}")
def not_mapped(): ...
not_mapped()
""",
    )
    xcoms = given()
    named = [tried(dag, "named", index, 3, xcoms).rendered_map_index for index in range(3)]
    assert named == ["a-0", "f-1", "s-2"]
    missing = [tried(dag, "missing", index, 2, xcoms) for index in (0, 1)]
    assert [outcome.rendered_map_index for outcome in missing] == [None, None]
    assert missing[0].reason == "UndefinedError: 'nothing' is undefined"
    assert missing[1].reason == "AirflowException: own"
    assert tried(dag, "bash", 0, 1, xcoms).rendered_map_index == "echo " + "b" * 245
    assert run(dag, "not_mapped", xcoms).rendered_map_index == "on 2024-05-06"


def test_an_instance_knows_its_index(tmp_path: Path) -> None:
    dag = loaded(
        tmp_path,
        """
@task
def look(x, ti=None, task=None, expanded_ti_count=None):
    return [ti.map_index, expanded_ti_count, task.task_id, str(ti), "map_index=1&" in ti.log_url]
look.expand(x=[1, 2])
look.expand(x=[3, 4])
""",
    )
    run_id = "manual__2024-05-06T07:08:09+00:00"
    text = f"<TaskInstance: x.look__1 {run_id} map_index=1 [running]>"
    assert seen(dag, "look__1", 2, given())[1] == [1, 2, "look__1", text, True]


def test_a_task_that_is_not_expanded_cannot_run(tmp_path: Path) -> None:
    dag = loaded(tmp_path, "see.expand(v=[1])\n@task_group\ndef g(v):\n    see(v)\ng.expand(v=[1])")
    reason = "RuntimeError: can't resolve task-mapping argument without expanding"
    hint = ": if see was not mapped when the run began, trigger another run"
    assert run(dag, "see", given()).reason == reason + hint
    assert run(dag, "g.see", given()).reason == reason


@pytest.mark.parametrize(
    "mapped",
    [
        "see.expand(v=[1, 2])",
        "see.expand(v={'a': 1, 'b': 2})",
        "see.partial(v=1).expand_kwargs([{'w': 1}, {'w': 2}])",
        "see.expand(v=[1, 2], w=[3])",
    ],
)
def test_an_instance_beyond_what_there_is_to_map_over_says_so(tmp_path: Path, mapped: str) -> None:
    ended = run(loaded(tmp_path, mapped), "see", given(), map_index=2, map_levels=(3,))
    assert ended.reason is not None
    assert "there is nothing for map index 2: what the task is mapped over has 2 items now" in ended.reason


def test_an_argument_that_has_become_empty_leaves_nothing_for_any_index(tmp_path: Path) -> None:
    ended = run(loaded(tmp_path, "see.expand(v=[1], w=[])"), "see", given(), map_index=0, map_levels=(1,))
    assert ended.reason is not None
    assert "there is nothing for map index 0: what the task is mapped over has 0 items now" in ended.reason


def test_the_templates_of_an_instance_are_rendered_without_running_it(tmp_path: Path) -> None:
    dag = loaded(tmp_path, "BashOperator.partial(task_id='b').expand(bash_command=['{{ ds }}', 'x'])")
    request = request_for(dag, "b", map_index=0, map_levels=(2,))
    assert rendered_fields(dag, request, given())["bash_command"] == "2024-05-06"
    with pytest.raises(RuntimeError, match="can't resolve task-mapping argument without expanding"):
        rendered_fields(dag, request_for(dag, "b"), given())
