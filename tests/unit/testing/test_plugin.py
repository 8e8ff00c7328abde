"""The fixture ``updraft_dag`` as users have it: in a folder of theirs, with one line in ``conftest.py``."""

from pathlib import Path
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

PROJECT = Path(__file__).parents[3]

ETL = """
    from datetime import datetime, timedelta
    from airflow import DAG
    from airflow.decorators import task
    from airflow.hooks.base import BaseHook
    from airflow.models import Variable
    from airflow.models.param import Param
    from airflow.sensors.python import PythonSensor

    CITY = Variable.get("city", default_var="nowhere")

    def told(context):
        print("failed:", context["ti"].task_id)

    with DAG(
        "etl",
        start_date=datetime(2026, 1, 1),
        schedule="@daily",
        params={"rows": Param(3, type="integer", minimum=1)},
        default_args={"on_failure_callback": told},
    ) as dag:

        @task
        def extract(params=None):
            print("extracting", params["rows"], "rows of", CITY, "for", BaseHook.get_connection("db").host)
            return list(range(params["rows"]))

        @task(retries=2, retry_delay=timedelta(hours=3))
        def load(row, ti=None):
            if row == 1 and ti.try_number < 3:
                raise ValueError("the table is locked")
            return row * 10

        @task
        def store(rows, conf=None, dag_run=None):
            Variable.set("loaded", sum(rows))
            if dag_run.conf.get("fail"):
                raise RuntimeError("asked to fail")

        waits = PythonSensor(task_id="waits", python_callable=lambda: False, timeout=600, soft_fail=True)
        store(load.expand(row=extract()))
    """


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's folder: DAG files, a conftest with the line, and this project on Python's path."""
    monkeypatch.syspath_prepend(PROJECT)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(pytester.path / "dags"))
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://the-machines-own")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "the machine's own")
    pytester.makeconftest('pytest_plugins = ["chalicelib.testing"]')
    pytester.mkdir("dags").joinpath("etl.py").write_text(dedent(ETL))
    return pytester


def outcome(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    project.makepyfile(test_dags=dedent(test))
    return project.runpytest_subprocess("-p", "no:randomly", *options)


def test_a_run_is_asserted_in_all_its_parts(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
        from datetime import timedelta

        GIVEN = {"variables": {"city": "Bergen"}, "connections": {"db": "postgres://ada:secret@warehouse/x"}}

        def test_it(updraft_dag):
            dag = updraft_dag("etl.py", **GIVEN)
            assert dag.task_ids == ["waits", "extract", "load", "store"]
            run = dag.run("2026-01-02", conf={"rows": 2})
            run.assert_success()
            assert run.state == "success"
            assert run.states == {
                "waits": "skipped", "extract": "success", "load": ["success", "success"], "store": "success"
            }
            run.assert_states({"extract": "success"})
            assert "extracting 2 rows of Bergen for warehouse" in run["extract"].log
            assert run.xcom("extract") == [0, 1]
            assert run["load"].xcom() == [0, 10]
            assert run["load"].tries == [1, 3]
            assert len(run["load"][1].logs) == 3
            assert run["load"][1].log.count("the table is locked") >= 2
            assert run["waits"].tries == 1
            assert timedelta(hours=6) <= run.duration < timedelta(hours=7)
            assert dag.variable("loaded") == "10"

        def test_dates_and_conf_are_told_apart(updraft_dag):
            dag = updraft_dag("etl", **GIVEN)
            first = dag.run("2026-01-02")
            second = dag.run("2026-01-03", conf={"fail": True})
            assert [run.state for run in dag.runs()] == ["success", "failed"]
            assert len(first["load"]) == 3
            assert second["store"].state == "failed"
            assert [(call.kind, call.task_id) for call in second.callbacks] == [
                ("on_failure_callback", "store")
            ]
            assert "failed: store" in second.callbacks[0].log
            assert first.callbacks == ()

        def test_marked(updraft_dag):
            run = updraft_dag("etl.py", marked="ext.*|waits").run("2026-01-02")
            assert (run.states["extract"], run["extract"].log, run.xcom("extract")) == ("success", "", None)

        def test_one_task(updraft_dag):
            assert updraft_dag("etl.py").run_task("load", "2026-01-02", map_index=1).state == "failed"
        """,
    )
    result.assert_outcomes(passed=3, failed=1)


def test_nothing_of_a_test_is_seen_by_another_or_comes_from_the_machine(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
        import pytest

        @pytest.mark.parametrize("city", ["Bergen", "Oslo", None])
        def test_variables(updraft_dag, city):
            given = {"variables": {"city": city}} if city else {}
            dag = updraft_dag("etl.py", connections={"db": {"conn_type": "http", "host": "x"}}, **given)
            assert dag.variable("loaded") is None
            assert f"rows of {city or 'nowhere'} for x" in dag.run("2026-01-02")["extract"].log

        def test_connections(updraft_dag):
            run = updraft_dag("etl.py").run("2026-01-02")
            assert run.state == "failed"
            assert "The conn_id `db` isn't defined" in run["extract"].log
        """,
        "-n2",
    )
    result.assert_outcomes(passed=4)


def test_a_failed_assertion_shows_what_the_failed_tasks_logged(project: pytest.Pytester) -> None:
    result = outcome(
        project,
        """
        def run(updraft_dag):
            return updraft_dag("etl.py", connections={"db": "http://x"}).run("2026-01-02", {"fail": 1})

        def test_state(updraft_dag):
            assert run(updraft_dag).state == "success"

        def test_success(updraft_dag):
            run(updraft_dag).assert_success()

        def test_states(updraft_dag):
            assert run(updraft_dag).states == {"extract": "success"}

        def test_some_states(updraft_dag):
            run(updraft_dag).assert_states({"store": "success", "nothing": "success"})
        """,
    )
    result.assert_outcomes(failed=4)
    said = result.stdout.str()
    assert said.count("--- store logged ---") == 4
    assert said.count("  load[1]: success (3 tries)") == 4
    assert "'failed' == 'success'" in said
    assert "the run is failed, not success" in said
    assert "store is failed, not success; nothing is no task of the run, not success" in said
    assert said.count("RuntimeError: asked to fail") == 4


def test_what_cannot_be_loaded_or_run_fails_with_the_reason(project: pytest.Pytester) -> None:
    dags = project.path / "dags"
    (dags / "broken.py").write_text("from airflow import DAG\nimport snowflake.connector")
    (dags / "two.py").write_text("from airflow import DAG\na = DAG('a')\nb = DAG('b')")
    result = outcome(
        project,
        """
        def test_broken(updraft_dag):
            updraft_dag("broken.py")

        def test_missing(updraft_dag):
            updraft_dag("missing.py")

        def test_unknown(updraft_dag):
            updraft_dag("unknown")

        def test_two(updraft_dag):
            assert updraft_dag("two.py", "b").run("2026-01-01").state == "success"
            updraft_dag("two.py")

        def test_refused(updraft_dag):
            updraft_dag("etl.py").run("2026-01-02", {"rows": 0})
        """,
    )
    result.assert_outcomes(failed=5)
    result.stdout.fnmatch_lines_random(
        [
            "*broken.py cannot be loaded: line 2: ModuleNotFoundError: No module named 'snowflake'*",
            "*There is no file missing.py in *",
            "*defines a DAG unknown*",
            "*two.py defines a, b: say which*",
            "*Invalid input for param rows: 0 is less than the minimum of 1*",
        ]
    )


def test_the_clock_begins_when_the_test_says(project: pytest.Pytester) -> None:
    (project.path / "dags" / "dated.py").write_text(
        dedent(
            """
            from datetime import datetime
            from airflow import DAG
            from airflow.decorators import task
            from airflow.sensors.date_time import DateTimeSensor
            from airflow.utils import timezone

            with DAG("dated", start_date=datetime(2020, 1, 1), schedule=None):
                @task
                def when():
                    return timezone.utcnow().isoformat()

                DateTimeSensor(task_id="six", target_time="2020-02-01T06:00:00") >> when()
            """
        )
    )
    result = outcome(
        project,
        """
        def test_clock(updraft_dag):
            run = updraft_dag("dated.py", now="2020-02-01T00:00:00").run("2020-01-31")
            assert run.xcom("when").startswith("2020-02-01T06:00")
        """,
    )
    result.assert_outcomes(passed=1)
