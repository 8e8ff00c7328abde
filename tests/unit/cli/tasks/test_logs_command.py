"""``tasks logs`` over an engine in memory: at once, and followed while the task is tried."""

import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.settings import Settings
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import EXECUTION_DATE, start, world_of

DATE = EXECUTION_DATE.isoformat()


class Try:
    """The first try of a task, and what it says."""

    def __init__(self, world: World, run: DagRun) -> None:
        self.world = world
        self.run = run

    def starts(self) -> None:
        for entry in self.world.queue.visible():
            if "run_task" not in entry.message:
                self.world.deliver(entry)

    def says(self, text: bytes) -> None:
        """All that it has said by now."""
        self.world.store.task_logs.save(self.run.ref, self.run.run_id, "a#-1", 1, text)

    def ends(self, text: bytes) -> None:
        self.world.drain()
        self.says(text)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Try]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    dag = ScriptedDag([Shape("a")])
    world = world_of(dag, 1)
    run = start(world, dag)
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    with bootstrap.use(engine=world.engine, settings=settings):
        yield Try(world, run)


def logs(*arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["tasks", "logs", "scripted", "a", *arguments])


def meanwhile(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]) -> None:
    """What happens while the command waits between two looks."""
    coming = iter(steps)
    monkeypatch.setattr(time, "sleep", lambda _seconds: next(coming)())


def test_a_run_is_named_by_its_date_or_its_id(tried: Try) -> None:
    tried.ends(b"hello\n")
    assert logs(DATE).stdout == logs(tried.run.run_id).stdout == "hello\n"


def test_a_log_is_followed_until_the_task_is_over(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(
        monkeypatch,
        tried.starts,
        lambda: tried.says(b"one\ntwo\n"),
        lambda: None,
        lambda: tried.ends(b"one\ntwo\nthree\n"),
    )
    result = logs(DATE, "--follow")
    assert (result.exit_code, result.stdout) == (0, "one\ntwo\nthree\n")
    assert result.stderr == "a is None, try 0\na is queued, try 1\n"


def test_what_is_over_is_printed_once(tried: Try) -> None:
    tried.ends(b"hello\n")
    result = logs(DATE, "-f")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "hello\n", "")


def test_a_log_whose_beginning_was_cut_off_comes_anew(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    tried.starts()
    tried.says(b"one\ntwo\n")
    meanwhile(monkeypatch, lambda: tried.ends(b"... cut\ntwo\nthree\n"))
    assert logs(DATE, "-f").stdout == "one\ntwo\n... cut\ntwo\nthree\n"


def test_a_task_that_was_not_tried_before_its_run_ended_says_so(tried: Try) -> None:
    assert CliRunner().invoke(updraft, ["runs", "cancel", "scripted", DATE, "--yes"]).exit_code == 0
    result = logs(DATE, "--follow")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Task a was not tried in run" in result.stderr


def test_ctrl_c_ends_it_without_a_word(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    meanwhile(monkeypatch, interrupt)
    result = logs(DATE, "--follow")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "a is None, try 0\n")
    meanwhile(monkeypatch, interrupt)
    watched = CliRunner().invoke(updraft, ["runs", "watch", "scripted", DATE])
    assert (watched.exit_code, watched.stderr) == (130, "")
