"""The models of Airflow's database that Updraft has no such things for: names, which refuse to be used."""

from typing import Any, ClassVar

from chalicelib.authoring.surroundings.metadata_columns import HasColumns
from chalicelib.authoring.surroundings.metadata_database import NoMetadataDatabase

_ASK_FOR_DAGS = "ask the API for DAGs and their state, or the command line (dags list, dags details)"
_ASK_FOR_RUNS = "ask the API for runs, or the command line (tasks states-for-dag-run)"
_LOGS = "read logs with `tasks logs`"
_POOLS = "ask the API for pools, or the command line (pools list)"
_DATASETS = "read events with inlet_events or triggering_dataset_events, and list with `datasets list`"
_XCOMS = "use ti.xcom_pull and ti.xcom_push"
_NOT_NEEDED = "there is nothing of the kind to read or to clean up"


class Model(metaclass=HasColumns):
    """Base of the models: columns and methods are there by name; to make an instance is refused."""

    instead: ClassVar[str] = _NOT_NEEDED

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NoMetadataDatabase(type(self).__name__, self.instead)


class BaseXCom(Model):
    """Base of XCom backends, too, which are not offered."""

    instead = _XCOMS


class XCom(BaseXCom):
    """An XCom as a row."""


class DagBag(Model):
    """DAGs that are loaded from a folder."""

    instead = "put the files into the DAGs folder, all of which is loaded"


class DagModel(Model):
    """What Airflow keeps of a DAG."""

    instead = _ASK_FOR_DAGS


class DagCode(Model):
    """The text of a DAG file."""

    instead = _ASK_FOR_DAGS


class DagOwnerAttributes(Model):
    """A link of an owner of DAGs."""


class DagPickle(Model):
    """A DAG as a pickle."""


class DagTag(Model):
    """A tag of a DAG."""

    instead = _ASK_FOR_DAGS


class DagWarning(Model):
    """A warning about a DAG."""

    instead = _ASK_FOR_DAGS


class DatasetModel(Model):
    """A dataset as a row."""

    instead = _DATASETS


class DatasetAliasModel(DatasetModel):
    """An alias as a row."""


def expand_alias_to_datasets(alias: Any, **_: Any) -> list[Any]:
    """The datasets behind an alias: refused, as a row of one is."""
    raise NoMetadataDatabase(f"expand_alias_to_datasets({alias!r})", _DATASETS)


class DatasetDagRunQueue(DatasetModel):
    """What has arrived for a DAG."""


class DatasetEvent(DatasetModel):
    """An event as a row."""


class DagScheduleDatasetReference(DatasetModel):
    """A dataset that a DAG runs by."""


class DagScheduleDatasetAliasReference(DatasetModel):
    """An alias that a DAG runs by."""


class TaskOutletDatasetReference(DatasetModel):
    """A dataset that a task changes."""


class DbCallbackRequest(Model):
    """A callback that waits to be called."""


class ParseImportError(Model):
    """A DAG file that could not be loaded."""

    instead = "use the command line (dags list-import-errors)"


ImportError = ParseImportError  # noqa: A001 - Airflow's name


class Job(Model):
    """A process of Airflow's: a scheduler, a task's local job."""


class Log(Model):
    """An event that Airflow notes."""

    instead = _LOGS


class LogTemplate(Model):
    """How the file of a log is called."""

    instead = _LOGS


class Pool(Model):
    """A pool."""

    instead = _POOLS


class RenderedTaskInstanceFields(Model):
    """Fields of a task with their templates rendered."""

    instead = "use the command line (tasks render)"


class SensorInstance(Model):
    """A sensor of 2.0's smart sensors."""


class SerializedDagModel(Model):
    """A DAG as a document."""

    instead = _ASK_FOR_DAGS


class SlaMiss(Model):
    """A missed SLA."""


class TaskFail(Model):
    """A try that failed."""

    instead = _ASK_FOR_RUNS


class TaskMap(Model):
    """How long the output of a task is that others are mapped over."""

    instead = _ASK_FOR_RUNS


class TaskReschedule(Model):
    """A sensor that waits."""

    instead = _ASK_FOR_RUNS


class Trigger(Model):
    """A trigger of a deferred task."""
