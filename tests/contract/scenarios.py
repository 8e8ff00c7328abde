"""Recorded scenarios: their steps played on a stage, and what is otherwise than in Airflow afterwards.

The format is Airflow's recorder's: ``README.md`` in this folder tells it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState
from tests.contract.scenario_stage import Stage

FEATURES = Path(__file__).parent / "features"

Scenario = dict[str, Any]
Step = dict[str, Any]

PATIENCE_SECONDS = 600.0
"""How long is waited, on a clock that jumps, for what takes Airflow a minute: a tick comes once in one."""

SETTLE_SECONDS = 2.0


def recorded_scenarios() -> list[Scenario]:
    """All of them."""
    found: list[Scenario] = json.loads((FEATURES / "features.json").read_text())
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What a task or callback has written down."""

    dag_id: str
    run_id: str
    task: str | None
    """The id, with the map index if there is one; None: it belongs to no task."""
    key: str
    value: Any
    at: float


def play(scenario: Scenario, stage: Stage, notes: Path) -> list[str]:
    """Play the steps; returns what differs from the recording, nothing if all is as recorded."""
    playing = _Playing(scenario, stage, notes)
    return [*playing.steps(), *playing.differences()]


class _Playing:
    def __init__(self, scenario: Scenario, stage: Stage, notes: Path) -> None:
        self._scenario = scenario
        self._expected: dict[str, Any] = scenario["expect"]
        self._stage = stage
        self._notes = notes

    # -- steps ---------------------------------------------------------------------------------------

    def steps(self) -> Iterator[str]:
        """Play the steps and let things settle; what is otherwise meanwhile."""
        for number, step in enumerate(self._scenario["steps"], start=1):
            kind = next(kind for kind in _STEPS if kind in step)
            yield from (f"step {number} {step}: {problem}" for problem in _STEPS[kind](self, step))
        self._stage.let_pass(self._scenario.get("settle", SETTLE_SECONDS))

    def _pause(self, step: Step) -> Iterator[str]:
        word, dag_id = ("false", step["unpause"]) if "unpause" in step else ("true", step["pause"])
        answer = self._stage.get(f"/dags/{dag_id}/paused/{word}")
        if answer.status != 200:
            yield f"{answer.status} {answer.body}"

    def _trigger(self, step: Step) -> Iterator[str]:
        body = {"run_id": step["run"], "execution_date": step["date"]}
        if "conf" in step:
            body["conf"] = self._at_the_moment(step["conf"])
        answer = self._stage.post(f"/dags/{step['trigger']}/dag_runs", body)
        wanted = step["answer"]
        # Airflow's API answers what its params refuse by 500; it is the caller who has to change something.
        status = 400 if wanted["status"] == 500 else wanted["status"]
        if answer.status != status:
            yield f"{answer.status} {answer.body}"
        elif "error" in wanted and answer.body["error"] != wanted["error"]:
            yield f"{answer.body['error']!r}"

    def _at_the_moment(self, conf: Any) -> Any:
        def moment(found: re.Match[str]) -> str:
            return (self._stage.clock.now() + timedelta(seconds=int(found[1]))).isoformat()

        return json.loads(re.sub(r"\{now\+(\d+)\}", moment, json.dumps(conf)))

    def _wait_run(self, step: Step) -> Iterator[str]:
        wanted = {step["state"]} if "state" in step else {"success", "failed"}
        yield from self._wait(step, lambda: self._state_of(step["wait_run"], step["run"]) in wanted)

    def _wait_runs(self, step: Step) -> Iterator[str]:
        def over() -> int:
            return sum(run.state.is_final for run in self._runs(step["wait_runs"]))

        yield from self._wait(step, lambda: over() >= step["count"])

    def _wait_task(self, step: Step) -> Iterator[str]:
        def state() -> str | None:
            return self._states(step["wait_task"], step["run"]).get(step["task"])

        yield from self._wait(step, lambda: state() == step["state"])

    def _wait_note(self, step: Step) -> Iterator[str]:
        def written() -> int:
            return sum(note.key == step["wait_note"] for note in self._written())

        yield from self._wait(step, lambda: written() >= step.get("count", 1))

    def _wait(self, step: Step, until: Callable[[], bool]) -> Iterator[str]:
        if not self._stage.let_pass(PATIENCE_SECONDS, until):
            yield "it did not come true"

    def _paused(self, step: Step) -> Iterator[str]:
        answer = self._stage.get(f"/dags/{step['paused']}/paused")
        if answer.body != step["answer"]:
            yield f"{answer.body}"

    def _pool(self, step: Step) -> Iterator[str]:
        body = {"name": step["pool"], "slots": step["slots"], "description": ""}
        answer = self._stage.post("/pools", body)
        if answer.status != 200:
            yield f"{answer.status} {answer.body}"

    def _cli(self, step: Step) -> Iterator[str]:
        result = self._stage.command(*step["cli"])
        wanted = step["answer"]
        if bool(result.exit_code) != bool(wanted["rc"]):
            yield f"{result.exit_code} {result.output}"
        # Airflow shows an exception of Python's; its text is what matters.
        text = re.sub(r"^airflow\.exceptions\.\w+: ", "", wanted.get("says", ""))
        if text not in result.output:
            yield f"{result.output!r}"

    def _sleep(self, step: Step) -> Iterator[str]:
        self._stage.let_pass(step["sleep"])
        yield from ()

    # -- what there is -------------------------------------------------------------------------------

    def _runs(self, dag_id: str) -> list[DagRun]:
        return sorted(self._stage.engine.store.dag_runs.list(dag_id), key=lambda run: run.execution_date)

    def _state_of(self, dag_id: str, run_id: str) -> DagRunState | None:
        return next((run.state for run in self._runs(dag_id) if run.run_id == run_id), None)

    def _rows(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        result = self._stage.command("tasks", "states-for-dag-run", dag_id, run_id, "-o", "json")
        rows: list[dict[str, Any]] = [] if result.exit_code else json.loads(result.stdout)
        return rows

    def _states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        return {
            _name(row["task_id"], row.get("map_index")): row["state"] for row in self._rows(dag_id, run_id)
        }

    def _tries(self, dag_id: str, run_id: str) -> dict[str, int]:
        store = self._stage.engine.store.task_instances
        uids = [run.run_uid for run in self._runs(dag_id) if run.run_id == run_id]
        items = [item for uid in uids for _, item in store.list(uid)]
        return {_name(item.task_id, item.map_index): item.try_number for item in items}

    def _written(self) -> list[Note]:
        """The notes of the scenario's DAGs; a DAG belongs to one scenario."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        notes = [_note(json.loads(line)) for line in lines]
        ignored = self._scenario.get("ignore_notes", ())
        return [note for note in notes if note.dag_id in self._dag_ids and note.key not in ignored]

    @property
    def _dag_ids(self) -> set[str]:
        deployed = {dag.dag_id for dag in self._stage.engine.store.dags.list()}
        return deployed | set(self._expected["runs"])

    # -- what is otherwise ---------------------------------------------------------------------------

    def differences(self) -> Iterator[str]:
        """What the runs, tasks and notes are that they should not be."""
        for dag_id, wanted in self._expected["runs"].items():
            yield from self._differences_in_runs(dag_id, wanted)
        for dag_id, run_id, wanted in _by_run(self._expected["tasks"]):
            states = self._states(dag_id, self._actual_id(dag_id, run_id))
            yield from _differences(f"tasks of {dag_id} {run_id}", wanted, states)
        for dag_id, run_id, wanted in _by_run(self._expected.get("tries", {})):
            tries = self._tries(dag_id, self._actual_id(dag_id, run_id))
            found = {name: tries.get(name) for name in wanted}
            yield from _differences(f"tries of {dag_id} {run_id}", wanted, found)
        yield from self._differences_in_notes()
        for earlier, later in self._expected.get("order", ()):
            if not self._is_in_order(earlier, later):
                yield f"{earlier} was to be over before {later}"
        yield from self._differences_in_peaks()

    def _differences_in_runs(self, dag_id: str, wanted: Any) -> Iterator[str]:
        runs = self._runs(dag_id)
        if isinstance(wanted, dict):
            runs, wanted = runs[: len(wanted["first"])], wanted["first"]
        found = {run.run_id: run for run in runs}
        ids = {self._actual_id(dag_id, each["run"]): each for each in wanted}
        if found.keys() != ids.keys():
            yield f"runs of {dag_id}: wanted {sorted(ids)}, got {sorted(found)}"
        for run_id in found.keys() & ids.keys():
            yield from _differences(f"run {run_id} of {dag_id}", ids[run_id], _told(found[run_id]))

    def _actual_id(self, dag_id: str, run_id: str) -> str:
        """The id that an id as recorded stands for: ``scheduled__#2`` for the second that begins so."""
        prefix, _, number = run_id.partition("#")
        if not number:
            return run_id
        expected = self._expected["runs"].get(dag_id, ())
        expected = expected["first"] if isinstance(expected, dict) else expected
        written = {run["run"] for run in expected}
        ids = [run.run_id for run in self._runs(dag_id) if run.run_id.startswith(prefix)]
        ids = [run_id for run_id in ids if run_id not in written]  # whose id does not hold the clock
        return ids[int(number) - 1] if int(number) <= len(ids) else run_id

    def _differences_in_notes(self) -> Iterator[str]:
        wanted = Counter(self._as_text(*note) for note in self._expected["notes"])
        ignored = {name for peak in self._expected.get("peak", ()) for name in _ends(peak["notes"])}
        found = Counter(
            self._as_text(note.dag_id, note.run_id, note.task, note.key, note.value)
            for note in self._written()
            if note.key not in ignored
        )
        yield from (f"note is missing: {text} ({n} times)" for text, n in (wanted - found).items())
        yield from (f"note is too many: {text} ({n} times)" for text, n in (found - wanted).items())

    def _as_text(self, dag_id: str, run_id: str, task: str | None, key: str, value: Any = None) -> str:
        return json.dumps([dag_id, self._actual_id(dag_id, run_id), task, key, value], sort_keys=True)

    def _is_in_order(self, earlier: str, later: str) -> bool:
        moments = {key: [note.at for note in self._written() if note.key == key] for key in (earlier, later)}
        return bool(moments[earlier] and moments[later]) and max(moments[earlier]) < min(moments[later])

    def _differences_in_peaks(self) -> Iterator[str]:
        notes = [_note(json.loads(line)) for line in self._notes.read_text().splitlines()]
        own = [note for note in notes if note.dag_id in self._dag_ids]
        for peak in self._expected.get("peak", ()):
            groups: dict[str, list[Note]] = {}
            for note in own:
                groups.setdefault(note.run_id if peak["per"] == "run" else "", []).append(note)
            most = max((_most_at_once(group, peak["notes"]) for group in groups.values()), default=0)
            if most > peak["most"]:
                yield f"{peak}: {most}"


_STEPS: dict[str, Callable[[_Playing, Step], Iterator[str]]] = {
    "trigger": _Playing._trigger,
    "wait_run": _Playing._wait_run,
    "wait_runs": _Playing._wait_runs,
    "wait_task": _Playing._wait_task,
    "wait_note": _Playing._wait_note,
    "unpause": _Playing._pause,
    "pause": _Playing._pause,
    "paused": _Playing._paused,
    "pool": _Playing._pool,
    "cli": _Playing._cli,
    "sleep": _Playing._sleep,
}


def _name(task_id: str, map_index: Any) -> str:
    return task_id if map_index in (None, "", -1) else f"{task_id}[{map_index}]"


def _note(line: Mapping[str, Any]) -> Note:
    return Note(
        dag_id=line["dag"],
        run_id=line["run"],
        task=None if line["task"] is None else _name(line["task"], line["map"]),
        key=line["key"],
        value=line["value"],
        at=line["at"],
    )


def _by_run(expected: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    for dag_id, runs in expected.items():
        yield from ((dag_id, run_id, wanted) for run_id, wanted in runs.items())


def _told(run: DagRun) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "state": str(run.state),
        "type": str(run.run_type),
        "date": run.execution_date.isoformat(),
        "interval": [run.data_interval_start.isoformat(), run.data_interval_end.isoformat()],
    }


def _differences(what: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*wanted, *found} - {"run"}):
        if name not in wanted or name not in found or not _fits(wanted[name], found[name]):
            yield f"{what}: {name} wanted {wanted.get(name, 'nothing')}, got {found.get(name, 'nothing')}"


def _fits(wanted: Any, found: Any) -> bool:
    if wanted == "<<any>>" or wanted == found:
        return True
    if wanted == "<<now>>":
        return abs(datetime.fromisoformat(found) - datetime.now(UTC)) < timedelta(hours=1)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_fits, wanted, found))
    return isinstance(wanted, list) and found in wanted


def _ends(name: str) -> tuple[str, str]:
    return f"{name} in", f"{name} out"


def _most_at_once(notes: list[Note], name: str) -> int:
    beginning, end = _ends(name)
    steps = {beginning: 1, end: -1}
    now = most = 0
    for note in sorted((note for note in notes if note.key in steps), key=lambda note: note.at):
        now += steps[note.key]
        most = max(most, now)
    return most
