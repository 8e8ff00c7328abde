"""A deployment in this process: real user code side by side, over an idle time that takes none."""

import getpass
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from chalicelib import bootstrap
from chalicelib.authoring.clock import living_by
from chalicelib.domain.messages import Outgoing
from chalicelib.engine.dags.sync import BrokenFile, sync_dags
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import Invocation
from chalicelib.engine.upkeep.tick import tick
from chalicelib.queues.messages import decode
from chalicelib.settings import MOST_WORKER_TIMEOUT, Settings
from chalicelib.simulation.dispatch import Worker, handle
from chalicelib.simulation.one_run import VirtualClock
from chalicelib.simulation.queue import InFlight, Queue
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents_apart import dags_apart
from chalicelib.user_code.runner import ask_timetable, run_callbacks, run_try, run_window
from tests.scripted import command_line
from tests.scripted.asking import Answer
from tests.scripted.in_process_api import InProcessApi

LEASE = timedelta(seconds=MOST_WORKER_TIMEOUT)
TICK = timedelta(minutes=1)

AT_ONCE = 12
"""Handlers that may be at work side by side: more than any scenario has tries at a time."""

LOOK_EVERY_SECONDS = 0.01

SETTINGS = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"})


class LockedQueue(Queue):
    """A queue for several threads."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock.now)
        self._lock = threading.RLock()

    def send(self, messages: Iterable[Outgoing]) -> None:
        with self._lock:
            super().send(messages)

    def take_visible(self) -> list[InFlight]:
        """What is visible now; it is then taken."""
        with self._lock:
            visible = self.visible()
            for entry in visible:
                self.remove(entry)
            return visible


class Stage:
    """The DAG files of a folder, deployed, with API and command line.

    Messages are handled side by side. While none is, the clock jumps to where there is something to do
    (``real_time``: it does not). With ``in_waves`` a message waits until all that are handled are done.
    What a handler raises is raised to who lets time pass.
    """

    def __init__(self, folder: Path, pool: ThreadPoolExecutor, *, real_time: bool, in_waves: bool) -> None:
        self._real_time = real_time
        self._in_waves = in_waves
        self.clock = VirtualClock()
        self._queue = LockedQueue(self.clock)
        numbers = count(1)
        self.engine = Engine(
            store=MemoryStore(),
            sender=self._queue,
            now=self.clock.now,
            new_uid=lambda: f"{next(numbers):026d}",
            allowed_run_id_pattern=r"^[A-Za-z0-9_.~:+-]+$",
        )
        self._worker = Worker(
            run_try=run_try(folder, self.engine.store.variables),
            run_window=run_window(folder, self.engine.store.variables),
            run_callbacks=run_callbacks(folder, self.engine.store.variables),
            new_invocation=self._new_invocation,
            ask_timetable=ask_timetable(folder, self.engine.store.variables),
        )
        self._pool = pool
        self._at_work: list[Future[None]] = []
        self._next_tick = self.clock.now() + TICK
        store = self.engine.store
        dags = dags_apart(folder, variables=store.variables, connections=store.connections)
        self.failures: tuple[BrokenFile, ...] = sync_dags(self.engine, dags, paused_at_creation=True).failures
        self._api = InProcessApi(SETTINGS)

    def get(self, path: str) -> Answer:
        """GET a path below ``/experimental``."""
        return self._api.get(path)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        """POST to a path below ``/experimental``."""
        return self._api.post(path, body)

    def command(self, *arguments: str) -> Result:
        """A command of the command line."""
        return command_line.run(*arguments)

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let so much time pass, or less once something has come true; returns whether it has."""
        deadline = self.clock.now() + timedelta(seconds=seconds)
        while not (is_true := until()):
            self._hand_out()
            if self._at_work or self._real_time:
                time.sleep(LOOK_EVERY_SECONDS)
            else:
                self._jump(deadline)
            if self.clock.now() >= deadline and not self._at_work and not self._queue.visible():
                return until()
            if self.clock.now() >= deadline + LEASE:
                return False
        return is_true

    def _jump(self, deadline: Any) -> None:
        """Be where the next thing is to be done, but not after the deadline."""
        first = self._queue.first()
        moments = [deadline, self._next_tick, *([first.visible_at] if first else [])]
        self.clock.jump_to(min(moments))

    def _hand_out(self) -> None:
        """Let what is due be done, and see what was."""
        if self.clock.now() >= self._next_tick:
            self._next_tick = self.clock.now() + TICK
            tick(self.engine)
        for entry in () if self._in_waves and self._at_work else self._queue.take_visible():
            message = decode(entry.message)
            self._at_work.append(self._pool.submit(handle, self.engine, message, self._worker))
        over = [done for done in self._at_work if done.done()]
        self._at_work = [work for work in self._at_work if work not in over]
        for done in over:
            done.result()

    def _new_invocation(self) -> Invocation:
        return Invocation(
            token=self.engine.new_uid(),
            ends_at=self.clock.now() + LEASE,
            hostname=socket.gethostname(),
            unixname=getpass.getuser(),
            pid=os.getpid(),
        )


@contextmanager
def stage_of(
    features: Path, files: Iterable[str], folder: Path, *, real_time: bool = False, in_waves: bool = False
) -> Iterator[Stage]:
    """A stage with some of the recorded DAG files and all that they share, copied to a folder."""
    for path in files:
        shutil.copy(features / path, folder)
    for shared in ("features_notes.py", "features_triggers.py"):
        shutil.copy(features / "dags" / shared, folder)
    shutil.copytree(features / "dags" / "ft_texts", folder / "ft_texts")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("UPDRAFT__AWS__STAGE", "scenarios")  # the command line looks for no local server
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        stage = Stage(folder, pool, real_time=real_time, in_waves=in_waves)
        stack.enter_context(living_by(stage.clock))
        stack.enter_context(bootstrap.use(engine=stage.engine, settings=SETTINGS))
        yield stage
