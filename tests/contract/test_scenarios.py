"""The recorded scenarios, played in this process: they end as on a running Airflow 2.10.5."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.scenario_stage import stage_of
from tests.contract.scenarios import FEATURES, Scenario, play, recorded_scenarios

NOT_YET: dict[str, str] = {}
"""Scenarios that do not end as recorded yet, and why."""

IN_REAL_TIME = {"sensor_reschedule": "its sensor waits by time.time(), which no clock of ours moves"}
"""Scenarios for which no idle time is left out, and why."""

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


@pytest.mark.parametrize(
    "scenario",
    [scenario for scenario in SCENARIOS if scenario["name"] not in NOT_YET],
    ids=lambda scenario: scenario["name"],
)
def test_a_scenario_ends_as_recorded(scenario: Scenario, tmp_path: Path, notes: Path) -> None:
    real_time = scenario["name"] in IN_REAL_TIME
    with stage_of(FEATURES, scenario["dags"], tmp_path, real_time=real_time) as stage:
        found = play(scenario, stage, notes)
    assert not found, "\n".join([*found, *map(str, stage.failures)])


def test_what_is_left_out_is_recorded() -> None:
    assert {*NOT_YET, *IN_REAL_TIME} <= {scenario["name"] for scenario in SCENARIOS}
