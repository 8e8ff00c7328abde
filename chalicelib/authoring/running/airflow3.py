"""Airflow 3's rules of what a running task sees: names that are gone, and names in their place."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.authoring.running.task_instance import TaskInstance

_GONE = frozenset(
    {
        *(
            "conf",
            "execution_date",
            "expanded_ti_count",
            "test_mode",
            "triggering_dataset_events",
            "try_number",
        ),
        *("next_ds", "next_ds_nodash", "next_execution_date", "prev_ds", "prev_ds_nodash"),
        *("prev_execution_date", "prev_execution_date_success", "tomorrow_ds", "tomorrow_ds_nodash"),
        *("yesterday_ds", "yesterday_ds_nodash"),
    }
)
_GONE_OF_RUNS = frozenset({"execution_date", "external_trigger"})


class WithoutOlderNames:
    """Hides what an object of Airflow 3 has no longer."""

    def __getattribute__(self, name: str) -> Any:
        if name in _GONE_OF_RUNS:
            raise AttributeError(f"'DagRun' object has no attribute {name!r}")
        return super().__getattribute__(name)


def by_airflow_3(values: Mapping[str, Any], ti: "TaskInstance") -> dict[str, Any]:
    """The context of a task, by Airflow 3's names."""
    kept = {name: value for name, value in values.items() if name not in _GONE}
    if ti.map_length is not None:
        kept["expanded_ti_count"] = ti.map_length
    return {
        **kept,
        "partition_date": None,
        "partition_key": None,
        "task_reschedule_count": ti.pokes,
        "triggering_asset_events": values["triggering_dataset_events"],
    }
