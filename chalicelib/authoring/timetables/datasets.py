"""Timetables of DAGs that run by datasets (Airflow 3: assets), alone or by the clock, too.

What a DAG runs by is a value of ``model.datasets``, of which nothing is known here.
"""

from datetime import datetime
from typing import Any, ClassVar

from chalicelib.authoring.exceptions import AirflowTimetableInvalid
from chalicelib.authoring.timetables.base import (
    BuiltInTimetable,
    DagRunInfo,
    DataInterval,
    TimeRestriction,
    Timetable,
)
from chalicelib.domain.schedule.timetables import Schedule

__all__ = [
    "AssetOrTimeSchedule",
    "AssetTriggeredTimetable",
    "DatasetOrTimeSchedule",
    "DatasetTriggeredTimetable",
]


class DatasetTriggeredTimetable(BuiltInTimetable):
    """Of a DAG that runs by datasets."""

    __module__ = "airflow.timetables.simple"
    periodic = False
    description = "Triggered by datasets"
    word: ClassVar[str] = "Dataset"

    @property
    def summary(self) -> str:
        """Airflow's word."""
        return self.word

    def planning(self) -> Schedule:
        """No run by the clock."""
        return Schedule()


class AssetTriggeredTimetable(DatasetTriggeredTimetable):
    """The same in Airflow 3."""

    description = "Triggered by assets"
    word = "Asset"


class DatasetOrTimeSchedule(DatasetTriggeredTimetable):
    """Of a DAG that runs by datasets, and by another timetable, too."""

    __module__ = "airflow.timetables.datasets"

    def __init__(self, *, timetable: Timetable, datasets: Any) -> None:
        if not isinstance(timetable, Timetable) or isinstance(timetable, DatasetTriggeredTimetable):
            raise AirflowTimetableInvalid("cannot nest dataset timetables")
        self.timetable = timetable
        self.datasets = datasets
        self.description = f"Triggered by {self.word.lower()}s or {timetable.description}"
        self.periodic = timetable.periodic
        self.active_runs_limit = timetable.active_runs_limit

    @property
    def can_be_scheduled(self) -> bool:
        """As the other timetable."""
        return self.timetable.can_be_scheduled

    @property
    def summary(self) -> str:
        """Airflow's word, and the summary of the other timetable."""
        return f"{self.word} or {self.timetable.summary}"

    def serialize(self) -> dict[str, Any]:
        """What the other timetable is made of: what is said of datasets stands elsewhere."""
        return {"timetable": self.timetable.serialize()}

    def planning(self) -> Schedule:
        """As the other timetable, if it is one of Airflow's."""
        if not isinstance(self.timetable, BuiltInTimetable):
            raise AirflowTimetableInvalid(f"{self.timetable!r} is to be asked itself")
        return self.timetable.planning()

    def validate(self) -> None:
        """As the other timetable."""
        self.timetable.validate()

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """As the other timetable."""
        return self.timetable.infer_manual_data_interval(run_after=run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """As the other timetable."""
        return self.timetable.next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def generate_run_id(self, **of_run: Any) -> str:
        """As the other timetable; runs by datasets are not named by it."""
        return self.timetable.generate_run_id(**of_run)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class AssetOrTimeSchedule(DatasetOrTimeSchedule):
    """The same in Airflow 3."""

    __module__ = "airflow.timetables.assets"
    word = "Asset"

    def __init__(self, *, timetable: Timetable, assets: Any) -> None:
        super().__init__(timetable=timetable, datasets=assets)
