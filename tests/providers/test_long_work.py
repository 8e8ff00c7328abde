"""Jobs of ECS, Batch, Glue, Athena, EMR Serverless and Step Functions: started, awaited, stopped, allowed."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chalicelib.deploy.task_rights.suggestion import suggested
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.engine.by_hand.marking import MarkRequest, mark_tasks
from chalicelib.engine.ports.worker import TryReport
from chalicelib.settings import USER_PACKAGES
from chalicelib.simulation.one_run import FinishedRun, Laboratory, WantedRun, Watch
from chalicelib.user_code.operators_apart import operators_apart
from tests.pages import ROOT, blocks, page
from tests.providers.aws_jobs import REGION, AwsJobs, serving
from tests.providers.sets import folder_of

DAGS = Path(__file__).parent / "dags"
FILE = "long_work.py"
POLLS = 3
WANTED = datetime(2026, 1, 2, tzinfo=UTC)
JOBS = ("ecs", "batch", "glue", "athena", "emr")


@dataclass
class Played:
    """A laboratory over the account of a test, and what was seen of it."""

    laboratory: Laboratory
    aws: AwsJobs
    windows: Counter[str] = field(default_factory=Counter)
    tries: list[tuple[str, TryReport]] = field(default_factory=list)

    def run(self, dag_id: str) -> FinishedRun:
        finished = self.laboratory.run(WantedRun(dag_id=dag_id, execution_date=WANTED))
        assert finished.run.state is DagRunState.SUCCESS, self.reasons()
        return finished

    def reasons(self) -> list[str]:
        return [f"{task}: {report.outcome.reason}" for task, report in self.tries if report.outcome.reason]

    def tries_of(self, task_id: str) -> int:
        return sum(task == task_id for task, _ in self.tries)


@pytest.fixture
def aws() -> Iterator[AwsJobs]:
    with serving(AwsJobs(now=lambda: datetime.now(UTC))) as served:
        yield served


@pytest.fixture
def environ(aws: AwsJobs) -> dict[str, str]:
    extra = {"region_name": REGION, "endpoint_url": aws.url}
    connection = {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        USER_PACKAGES: str(folder_of("A")),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
    }


@pytest.fixture
def played(aws: AwsJobs, environ: dict[str, str]) -> Played:
    return playing(DAGS / FILE, aws, environ)


def playing(file: Path, aws: AwsJobs, environ: dict[str, str]) -> Played:
    def on_try(request: TryRequest, report: TryReport) -> None:
        found.tries.append((request.task_id, report))

    watch = Watch(
        on_try=on_try,
        on_window=lambda request: found.windows.update(each.task_id for each in request.triggers),
    )
    laboratory = Laboratory(file.parent, watch, names=[file.name], environment=lambda: environ)
    found = Played(laboratory, aws)
    assert laboratory.failures == ()
    aws.now = laboratory.engine.now
    return found


def actions_of(dag_id: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The actions that are suggested for a DAG."""
    monkeypatch.setenv(USER_PACKAGES, environ[USER_PACKAGES])
    operators = operators_apart(DAGS, [FILE]).operators
    policy = suggested([each for each in operators if each.dag_id == dag_id]).policy
    found = (statement["Action"] for statement in policy["Statement"])
    return {action for each in found for action in (each if isinstance(each, list) else [each])}


def test_a_deferred_job_is_polled_by_one_short_window_each_minute(
    played: Played, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played.aws.duration = timedelta(minutes=POLLS) - timedelta(seconds=30)
    played.run("deferrable")
    assert played.windows == dict.fromkeys((*JOBS, "states"), POLLS + 1)
    assert {played.tries_of(task) for task in played.windows} == {2}, "started, and gone on with at its end"
    assert set(played.aws.calls) <= actions_of("deferrable", environ, monkeypatch)


def test_operators_that_wait_in_their_try_take_one_try_each(
    played: Played, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played.aws.looks = POLLS
    played.run("waiting")
    assert set(played.windows) == set()
    assert all(played.tries_of(task) == 1 for task in JOBS)
    assert set(played.aws.calls) <= actions_of("waiting", environ, monkeypatch)


def test_sensors_in_reschedule_mode_poke_once_a_minute(
    played: Played, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played.aws.duration = timedelta(minutes=POLLS) - timedelta(seconds=30)
    played.run("sensed")
    for task in ("ecs_over", "batch_over", "glue_over", "emr_over", "states_over"):
        assert played.tries_of(task) == POLLS + 1, task
    assert set(played.aws.calls) <= actions_of("sensed", environ, monkeypatch)


def test_a_job_is_stopped_whose_task_is_marked_failed_while_it_runs(
    played: Played, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws, engine = played.aws, played.laboratory.engine
    aws.duration = timedelta(days=1)

    marked: set[str] = set()

    def mark(job: str) -> None:
        if job in marked:
            return
        marked.add(job)
        task = "ecs" if job.startswith("arn:aws:ecs:") else "batch"
        choice = Choice(task_ids=(task,))
        state = TaskInstanceState.FAILED
        mark_tasks(engine, MarkRequest(dag_id="marked", execution_date=WANTED, choice=choice, state=state))

    aws.on_look = mark
    finished = played.laboratory.run(WantedRun(dag_id="marked", execution_date=WANTED))
    assert finished.run.state is DagRunState.FAILED
    assert (len(aws.stopped), aws.running()) == (2, []), played.reasons()
    assert {"ecs:StopTask", "batch:TerminateJob"} < set(aws.calls)
    assert set(aws.calls) <= actions_of("marked", environ, monkeypatch)


def test_an_hour_polled_each_minute_is_sixty_windows() -> None:
    command = [sys.executable, "-m", "tests.providers.hour_of_windows", str(folder_of("A"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    expected = {"windows": 60, "calls": 118, "fired_at": 3540}
    assert json.loads(done.stdout) == {"ecs": expected}, "windows between the ends look at a round again"


def test_the_example_of_the_page_starts_a_job_that_a_later_try_would_find(
    tmp_path: Path, aws: AwsJobs, environ: dict[str, str]
) -> None:
    (example,) = blocks(page("long-work"), "python")
    (tmp_path / "nightly.py").write_text(example)
    aws.duration = timedelta(minutes=1)
    played = playing(tmp_path / "nightly.py", aws, environ)
    played.run("nightly")
    assert played.windows == {"train": 2}
    assert aws.calls[:2] == ["ecs:ListTasks", "ecs:RunTask"], "reattach looks for a task of the same key"
    (started_by,) = aws.started_by.values()
    assert UUID(started_by)
