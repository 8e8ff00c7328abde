"""Triggers in processes of their own: those of a file share one, and what one does harms no other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.runs.deferrals import TriggerRequest, WindowOutcome, WindowRequest, WindowResult
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.runner import run_window

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.models import BaseOperator
from waiting import Wait

with DAG("waits", start_date=datetime(2024, 1, 1), schedule=None):
    BaseOperator(task_id="wait")
"""

TRIGGERS = """
import asyncio
import os
from airflow.triggers.base import BaseTrigger, TriggerEvent
from airflow.utils.log.secrets_masker import mask_secret

class Wait(BaseTrigger):
    def __init__(self, seconds, do="fire"):
        super().__init__()
        self.seconds, self.do = seconds, do

    async def run(self):
        await asyncio.sleep(self.seconds)
        if self.do == "die":
            os._exit(3)
        if self.do == "raise":
            mask_secret("hunter-2-hunter")
            raise ValueError("the trigger says hunter-2-hunter")
        yield TriggerEvent([os.getpid(), self.seconds])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "waits.py").write_text(FILE)
    (tmp_path / "waiting.py").write_text(TRIGGERS)
    return tmp_path


def trigger(kwargs: str, *, ago: float = 0) -> TriggerRequest:
    return TriggerRequest(
        dag_id="waits",
        run_id="r",
        task_id="wait",
        map_index=-1,
        try_number=1,
        trigger_id=1,
        classpath="waiting.Wait",
        kwargs=kwargs,
        created_at=datetime.now(UTC) - timedelta(seconds=ago),
    )


def window(folder: Path, *triggers: TriggerRequest) -> tuple[WindowOutcome, ...]:
    request = WindowRequest(fileloc="waits.py", triggers=triggers, time_left=timedelta(minutes=5))
    return run_window(folder, MemoryStore().variables)(request)


def test_triggers_of_a_file_share_a_process_each_by_its_own_time(folder: Path) -> None:
    over, asleep, short = window(
        folder, trigger('{"seconds":600}', ago=600), trigger('{"seconds":600}'), trigger('{"seconds":0.2}')
    )
    assert (over.result, short.result) == (WindowResult.FIRED, WindowResult.FIRED)
    assert (over.event or "").split(",")[0] == (short.event or "").split(",")[0]
    assert asleep.result is WindowResult.WAITS
    assert asleep.due_at is not None
    assert timedelta(seconds=590) < asleep.due_at - datetime.now(UTC) <= timedelta(seconds=600)


def test_a_trigger_that_takes_its_process_with_it_is_broken_and_no_other(folder: Path) -> None:
    dies, waits = window(folder, trigger('{"seconds":0.2,"do":"die"}'), trigger('{"seconds":1}', ago=0.4))
    assert dies.result is WindowResult.BROKEN
    assert "exit status 3" in (dies.traceback or "")
    assert waits.result is WindowResult.FIRED


def test_what_a_trigger_raises_is_kept_without_secrets(folder: Path) -> None:
    (raised,) = window(folder, trigger('{"seconds":0,"do":"raise"}'))
    assert raised.result is WindowResult.BROKEN
    assert "ValueError: the trigger says ***" in (raised.traceback or "")


def test_triggers_whose_file_is_gone_or_cannot_be_loaded_are_broken(folder: Path) -> None:
    (folder / "waits.py").write_text("from airflow import DAG\nraise ValueError('broken')")
    (broken,) = window(folder, trigger('{"seconds":0}'))
    assert broken.result is WindowResult.BROKEN
    assert "cannot be loaded" in (broken.traceback or "")
    (folder / "waits.py").unlink()
    (gone,) = window(folder, replace(trigger('{"seconds":0}')))
    assert gone.result is WindowResult.BROKEN
