"""``kill -9`` of a server's whole process tree under load, and what is left of what it answered."""

import contextlib
import http.client
import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.integration.server.server import Server
from tests.waiting import wait_for

DAG, MAPPED_DAG = "napping", "napping_by_turns"
CLIENTS = 4
LARGE = "x" * 20_000
"""A conf with this is an object of S3: its run cannot go on without it."""


@dataclass(slots=True)
class Acknowledged:
    """What was answered with 200, and how many seconds before the kill."""

    runs: dict[str, float] = field(default_factory=dict)
    pools: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A kill, and what became of it."""

    acknowledged: Acknowledged
    lost: dict[str, float]
    """What is not there any more, with the seconds between its answer and the kill."""
    not_ended: tuple[str, ...]
    """Runs that did not succeed after the next start."""
    start_seconds: float


def kill_under_load(server: Server, name: str, seconds: float, chance: random.Random) -> Round:
    """Load a running server for about so long, kill it, start it again, and look for what it answered."""
    moments = Acknowledged()
    over = threading.Event()
    threads = [
        threading.Thread(target=_client, args=(server, f"{name}_{number}", over, moments))
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds * chance.uniform(0.5, 1))
    killed = time.monotonic()
    server.kill()
    over.set()
    for thread in threads:
        thread.join()
    before = Acknowledged(
        runs={run: max(0.0, killed - moment) for run, moment in moments.runs.items()},
        pools={pool: max(0.0, killed - moment) for pool, moment in moments.pools.items()},
    )
    began = time.monotonic()
    server.start()
    return _look(server, before, time.monotonic() - began)


def _client(server: Server, name: str, over: threading.Event, moments: Acknowledged) -> None:
    """Trigger runs and make pools until the server is gone."""
    for number in itertools.count():
        if over.is_set():
            return
        own = f"{name}_{number}"
        try:
            if number % 5 == 4:
                server.api.post("/pools", {"name": own, "slots": 1, "description": ""})
                moments.pools[own] = time.monotonic()
            else:
                conf = {"seconds": 0, "large": LARGE if number % 5 == 3 else ""}
                body = {"run_id": own, "conf": conf, "execution_date": datetime.now(UTC).isoformat()}
                server.api.post(f"/dags/{MAPPED_DAG if number % 5 == 1 else DAG}/dag_runs", body)
                moments.runs[own] = time.monotonic()
        except (OSError, http.client.HTTPException, ValueError):
            return  # the kill


def _runs(server: Server, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.api.get(f"/dags/{dag_id}/dag_runs")
    return found


def _look(server: Server, before: Acknowledged, start_seconds: float) -> Round:
    def states() -> dict[str, str]:
        runs = (run for dag_id in (DAG, MAPPED_DAG) for run in _runs(server, dag_id))
        return {run["run_id"]: run["state"] for run in runs}

    def are_over() -> bool:
        return all(state in ("success", "failed") for state in states().values())

    pools = {pool["pool"] for pool in server.api.get("/pools")}
    present = states()
    lost = {run: age for run, age in before.runs.items() if run not in present}
    lost |= {pool: age for pool, age in before.pools.items() if pool not in pools}
    with contextlib.suppress(AssertionError):  # told below, run by run
        wait_for(are_over, 120)
    ended = states()
    not_ended = tuple(run for run in before.runs if ended.get(run, "lost") not in ("success", "lost"))
    return Round(acknowledged=before, lost=lost, not_ended=not_ended, start_seconds=start_seconds)
