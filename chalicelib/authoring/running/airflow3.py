"""Airflow 3's rules of what a running task sees: names that are gone, and names in their place."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.running.asset_events import (
    AssetInletEvents,
    AssetOutletEvents,
    TriggeringAssetEvents,
)
from chalicelib.authoring.running.lazy_values import Later

if TYPE_CHECKING:
    from chalicelib.authoring.running.task_instance import TaskInstance

_GONE = frozenset(
    {
        *("conf", "expanded_ti_count", "test_mode", "triggering_dataset_events", "try_number"),
        *("execution_date", "prev_execution_date", "prev_execution_date_success", "next_execution_date"),
        *("next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash"),
        *("tomorrow_ds", "tomorrow_ds_nodash", "yesterday_ds", "yesterday_ds_nodash"),
    }
)
_GONE_OF_RUNS = frozenset({"execution_date", "external_trigger"})
_DATES_OF_RUNS = frozenset({"data_interval_end", "data_interval_start", "logical_date"})
_DATES = _DATES_OF_RUNS | {
    *("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"),
    *("prev_data_interval_end_success", "prev_data_interval_start_success"),
}

RUN_TYPES = {"dataset_triggered": "asset_triggered"}
"""Airflow 3's names of the types of runs that have others in Airflow 2."""


class WithoutOlderNames:
    """Hides what a run of Airflow 3 has no longer, and the dates of one for which none were given."""

    is_undated: bool

    def __getattribute__(self, name: str) -> Any:
        if name in _GONE_OF_RUNS:
            raise AttributeError(f"'DagRun' object has no attribute {name!r}")
        if name in _DATES_OF_RUNS and self.is_undated:
            return None
        return super().__getattribute__(name)


def by_airflow_3(values: Mapping[str, Any], ti: "TaskInstance") -> dict[str, Any]:
    """The context of a task, by Airflow 3's names; without dates if its run has none."""
    left_out = _GONE | _DATES if ti.dag_run.is_undated else _GONE
    kept = {name: value for name, value in values.items() if name not in left_out}
    if ti.map_length is not None:
        kept["expanded_ti_count"] = ti.map_length
    return {
        **kept,
        "inlet_events": AssetInletEvents(ti),
        "outlet_events": AssetOutletEvents(ti.datasets),
        "partition_date": None,
        "partition_key": None,
        "task_reschedule_count": ti.pokes,
        "triggering_asset_events": Later(lambda: TriggeringAssetEvents(ti)),
    }
