"""An hour of triggers of the amazon provider, window by window; ``python -m`` it with the packages' folder.

In one process, for what is counted are windows and calls: for each trigger it prints how many windows it
had, how many calls it made, and the second at which it fired, as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AMAZON = "airflow.providers.amazon.aws.triggers"
OVER_AFTER = timedelta(minutes=59)
"""When jobs are over: the first look is at once, so the sixtieth finds it."""

MINUTE: dict[str, Any] = {"waiter_delay": 60, "waiter_max_attempts": 100, "aws_conn_id": "aws_default"}


@dataclass
class Clock:
    """Stands still in a window."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a window does not wait")


def triggers(job: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """A name, the class and the arguments of triggers that wait for a job."""
    yield "ecs", "ecs.TaskDoneTrigger", {"cluster": "c", "task_arn": job, "region": None, **MINUTE}


def main() -> None:
    """Play all of them."""
    import os

    from tests.providers.aws_jobs import AwsJobs, serving

    clock = Clock()
    with serving(AwsJobs(now=clock.now, duration=OVER_AFTER)) as aws:
        extra = {"region_name": "eu-west-1", "endpoint_url": aws.url}
        connection = {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(connection)
        job = aws.start("job")
        played = {}
        for name, kind, arguments in triggers(job):
            del aws.calls[:]
            windows, fired_at = play(f"{AMAZON}.{kind}", arguments, clock)
            played[name] = {"windows": windows, "calls": len(aws.calls), "fired_at": fired_at}
    print(json.dumps(played), flush=True)
    os._exit(0)  # nothing of the windows is told that it is over


def play(classpath: str, arguments: dict[str, Any], clock: Clock) -> tuple[int, float]:
    """The windows of a trigger until it fires, and when it did."""
    from chalicelib.authoring.clock import living_by
    from chalicelib.authoring.running.windows import run_window
    from chalicelib.authoring.running.xcom_values import to_json
    from chalicelib.domain.runs.deferrals import TriggerRequest, WindowOutcome, WindowRequest, WindowResult

    clock.moment, rounds = NOON, ""
    for number in range(1, 100):
        request = TriggerRequest(
            dag_id="d",
            run_id="r",
            task_id="t",
            map_index=-1,
            try_number=1,
            trigger_id=7,
            classpath=classpath,
            kwargs=to_json(arguments),
            created_at=NOON,
            rounds=rounds,
        )
        ends: dict[int, WindowOutcome] = {}
        with living_by(clock):
            run_window(WindowRequest(fileloc="d.py", triggers=(request,)), None, ends.__setitem__)
        asyncio.get_event_loop().close()
        if ends[0].result is not WindowResult.WAITS:
            assert ends[0].result is WindowResult.FIRED, ends[0].traceback
            return number, (clock.moment - NOON).total_seconds()
        assert ends[0].due_at is not None
        clock.moment, rounds = ends[0].due_at, ends[0].rounds
    raise AssertionError(f"{classpath} does not fire")


if __name__ == "__main__":
    from chalicelib.user_code.python_process import put_first

    put_first(str(Path(sys.argv[1])))
    main()
