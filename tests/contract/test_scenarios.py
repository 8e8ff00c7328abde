"""The recorded scenarios, played in this process: they end as on a running Airflow 2.10.5."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.scenario_stage import stage_of
from tests.contract.scenarios import FEATURES, Scenario, play, recorded_scenarios

_MISSING: dict[str, tuple[str, ...]] = {
    "a deferrable sensor heeds what Airflow's does not": ("ets_deferrable_failed",),
    "sensors that defer do not end as recorded": ("def_sensors",),
}
"""What is missing, and the scenarios that do not end as recorded for want of it."""

NOT_YET = {name: missing for missing, names in _MISSING.items() for name in names}

IN_REAL_TIME = {
    "sensor_reschedule": "its sensor waits by time.time(), which no clock of ours moves",
    "dagrun_timeout": "its task sleeps until the run's time is over",
}
"""Scenarios for which no idle time is left out, and why."""

IN_WAVES = {"context_env": "look reads what own_env pushes, and does not wait for it"}
"""Scenarios whose tasks begin only when those that run are done, and why."""

SCENARIOS = recorded_scenarios()


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of the notes of all scenarios: one environment, so that one fork server does for all."""
    path = tmp_path_factory.mktemp("notes") / "notes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURES_NOTES", str(path))
        patch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(FEATURES / "plugins"))
        path.touch()
        yield path


def _marks(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """A scenario that ends as recorded after all is to be taken off the list: the list only shrinks."""
    if name not in NOT_YET:
        return ()
    return (pytest.mark.xfail(reason=NOT_YET[name], strict=True),)


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(each, id=each["name"], marks=_marks(each["name"])) for each in SCENARIOS],
)
def test_a_scenario_ends_as_recorded(scenario: Scenario, tmp_path: Path, notes: Path) -> None:
    name = scenario["name"]
    how = {"real_time": name in IN_REAL_TIME, "in_waves": name in IN_WAVES}
    with stage_of(FEATURES, scenario["dags"], tmp_path, **how) as stage:
        assert not (name in NOT_YET and stage.failures), "its DAG file is not loaded"
        found = play(scenario, stage, notes)
    assert not found, "\n".join([*found, *map(str, stage.failures)])


def test_what_is_left_out_is_recorded() -> None:
    assert {*NOT_YET, *IN_REAL_TIME, *IN_WAVES} <= {scenario["name"] for scenario in SCENARIOS}
