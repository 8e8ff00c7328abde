"""Questions about datasets: their events, and the runs that these have made."""

from collections.abc import Iterator

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.errors import DatasetNotFound
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.domain.schedule.dataset_conditions import alias_reference, dataset_reference
from chalicelib.engine.engine import Engine


def get_dataset(engine: Engine, uri: str) -> Dataset:
    """The dataset of a URI; raises ``DatasetNotFound``. 1 request."""
    found = next(iter(engine.store.datasets.get_many([dataset_reference(uri)])), None)
    if found is None:
        raise DatasetNotFound(uri)
    return found


def runs_made(engine: Engine, dataset: Dataset, event: DatasetEvent) -> Iterator[DagRun]:
    """The runs that have an event of a dataset, of the DAGs that run by it now; by the DAGs' ids.

    1 request where aliases have brought the dataset; 2 for each DAG, and 1 for each run.
    """
    aliases = [*map(alias_reference, sorted(dataset.aliases))]
    told_by = [dataset, *(engine.store.datasets.get_many(aliases) if aliases else ())]
    for dag_id in sorted({consumer for each in told_by for consumer in each.consumers}):
        date = engine.store.dataset_queues.run_of(dag_id, event.origin)
        run = engine.store.dag_runs.get(dag_id, date) if date else None
        if run is not None:
            yield run
