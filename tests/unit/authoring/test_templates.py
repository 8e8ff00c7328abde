"""What templates know and reach."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.running.context import Context
from chalicelib.authoring.running.templates import literal
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import FakeXComs, a_dag, bash, call, run


def test_templates_reach_into_containers_and_entities() -> None:
    value = call(
        lambda *args: args,
        op_args=[["{{ ds }}", {"k": "{{ 1 + 1 }}"}], ("{{ ts_nodash }}",), 5, literal("{{ ds }}")],
    )[1]
    assert value == (["2024-05-06", {"k": "2"}], ("20240506T070809",), 5, "{{ ds }}")


def test_templates_know_macros_filters_variables_and_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_PLACE", "here")
    monkeypatch.setenv("AIRFLOW_VAR_LIST", "[1, 2]")
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://me:s%40fe@host:5432/base?sslmode=on")
    dag = a_dag(user_defined_macros={"twice": lambda n: 2 * n}, user_defined_filters={"up": str.upper})
    parts = {
        "{{ macros.ds_add(ds, 5) }}": "2024-05-11",
        "{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%Y') }}": "06.05.2024",
        "{{ macros.timedelta(days=1) }}": "1 day, 0:00:00",
        "{{ 0 <= macros.random() < 1 }} {{ macros.yaml.safe_load('a: 1') }}": "True {'a': 1}",
        "{{ macros.datetime_diff_for_humans(logical_date, logical_date.add(days=2)) }}": "2 days before",
        "{{ macros.dateutil.parser.parse('2024-05-06').year }}": "2024",
        "{{ logical_date | ds_nodash }}": "20240506",
        "{{ data_interval_end | ts_nodash }}": "20240506T070809",
        "{{ var.value.place }} {{ var.json.list[1] }} {{ var.value.get('no', 'way') }}": "here 2 way",
        "{{ conn.db.host }}:{{ conn.db.port }} {{ conn.db.password }} {{ conn.db.schema }}": (
            "host:5432 s@fe base"
        ),
        "{{ conn.db.extra_dejson.sslmode }}": "on",
        "{{ twice(4) }} {{ 'x' | up }}": "8 X",
        "{{ execution_date.add(days=1).to_date_string() }}": "2024-05-07",
        "{{ dag.dag_id }}.{{ task.task_id }} {{ ti.try_number }}": "x.a 1",
    }
    value = call(lambda *args: list(args), dag, op_args=list(parts))[1]
    assert value == list(parts.values())


def test_an_unknown_name_in_a_template_fails_unless_the_dag_allows_it() -> None:
    import jinja2

    assert bash("echo {{ nope }}")[0].reason == "UndefinedError: 'nope' is undefined"
    assert bash("echo _{{ nope }}_", dag=a_dag(template_undefined=jinja2.Undefined))[1] == "__"


def test_templates_can_give_native_values() -> None:
    dag = a_dag(render_template_as_native_obj=True, params={"n": [1, 2]})
    assert call(lambda n: n, dag, op_kwargs={"n": "{{ params.n }}"})[1] == [1, 2]


def test_native_values_are_made_of_any_text() -> None:
    dag = a_dag(render_template_as_native_obj=True)
    given = ["[1, 2]", "3", "None", "('a', 'b')", "{{ 4 }}", "", "007", "x"]
    kinds = call(lambda *args: [type(item).__name__ for item in args], dag, op_args=given)[1]
    assert kinds == ["list", "int", "NoneType", "tuple", "int", "NoneType", "str", "str"]


def test_a_text_ends_as_jinja_leaves_it() -> None:
    given = ["a\n", "a\n\n", "a\r\nb\r", "{{ 1 }}\n"]
    assert call(lambda *args: list(args), op_args=given)[1] == ["a", "a\n", "a\nb", "1"]
    kept = a_dag(jinja_environment_kwargs={"keep_trailing_newline": True, "variable_start_string": "<<"})
    assert call(lambda *args: list(args), kept, op_args=["a\n", "<< 1 }}"])[1] == ["a\n", "1"]


class Holder:
    """An object with a templated attribute."""

    template_fields = ("text", "other")

    def __init__(self, text: str, other: Any = None) -> None:
        self.text, self.other = text, other


class Prepared(BaseOperator):
    """An operator that changes its templates before they are rendered."""

    template_fields = ("query", "made", "empty", "held")
    template_ext = (".sql",)

    def __init__(self, *, held: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.query = ["count.sql"]
        self.made = lambda context, jinja_env: jinja_env.from_string("{{ x }}").render(x=context["ds"])
        self.empty = ""
        self.held = held

    def prepare_template(self) -> None:
        self.query = [f"-- {{{{ ds }}}}\n{query}" for query in self.query]

    def execute(self, context: Context) -> Any:
        self.empty = "{{ 1 + 1 }}"
        again = self.render_template("{{ ds }}", context)
        self.render_template_fields(context)
        return [self.query, self.made, self.empty, again]


def test_an_operator_prepares_its_templates(tmp_path: Path) -> None:
    (tmp_path / "count.sql").write_text("select {{ ti.task_id }}\n")
    dag = a_dag(template_searchpath=[str(tmp_path)])
    Prepared(task_id="a", dag=dag)
    xcoms = FakeXComs()
    run(dag, "a", xcoms)
    assert xcoms.value("a") == [["-- 2024-05-06\nselect a"], "2024-05-06", "2", "2024-05-06"]


def test_an_object_in_two_places_is_rendered_once_and_stays_as_it_is() -> None:
    held = Holder("{{ ds }}", "{{ 1 + 1 }}")
    value = call(lambda a, b: [a is b[0], a.text, a.other], op_args=[held, [held]])[1]
    assert value == [True, "2024-05-06", "2"]
    assert held.text == "{{ ds }}"


def test_templates_are_sandboxed() -> None:
    outcome, _ = bash("echo {{ ''.__class__.__mro__ }}")
    assert outcome.result is TryResult.FAILED
    assert outcome.reason.startswith("SecurityError")


def test_scripts_beside_the_dag_are_templates(tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("echo hello {{ ds }}\n")
    assert bash("hello.sh", dag=a_dag(template_searchpath=str(tmp_path)))[1] == "hello 2024-05-06"
    assert bash("missing.sh")[0].reason.startswith("TemplateNotFound: 'missing.sh' not found")


def test_jinja_is_not_loaded_for_tasks_without_templates() -> None:
    program = (
        "import sys\n"
        "from tests.unit.authoring.test_execution import call\n"
        "assert call(lambda: 1)[1] == 1\n"
        "assert 'jinja2' not in sys.modules\n"
    )
    project = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)


class Variable:
    """An object of another library, such as a variable of a pod's environment."""

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value


class Pod(BaseOperator):
    """Renders objects in a way of its own, as operators of provider packages do."""

    template_fields = ("variables",)

    def __init__(self, variables: list[Variable], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variables = variables

    def _render_nested_template_fields(
        self, content: Any, context: Context, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        if isinstance(content, Variable):
            self._do_render_template_fields(content, ("value",), context, jinja_env, seen_oids)
            return
        super()._render_nested_template_fields(content, context, jinja_env, seen_oids)

    def execute(self, context: Context) -> list[str]:
        self.xcom_push(context, "dag", self.dag_id)
        return [f"{each.name}={each.value}" for each in self.variables]


def test_an_operator_renders_objects_in_its_own_way_and_each_try_anew() -> None:
    given, xcoms = Variable("{{ ds }}", "{{ ds }}"), FakeXComs()
    with a_dag() as dag:
        Pod(task_id="a", variables=[given])
    for _ in range(2):
        assert run(dag, "a", xcoms).result is TryResult.SUCCESS
        assert xcoms.value("a") == ["{{ ds }}=2024-05-06"]
    assert given.value == "{{ ds }}"
    assert xcoms.value("a", "dag") == "x"
