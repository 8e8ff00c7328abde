"""The DAG files of the recorded mapped DAGs say what the shapes say that are made of the records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.loading.serialization import Document, serialize
from tests.scripted.dags import Shape, expansion_document
from tests.scripted.loading import load_folder
from tests.scripted.mapped_specs import shapes_of_mapped
from tests.scripted.recorded import recorded_dags, recorded_shapes

CONTRACT = Path(__file__).parents[1] / "contract"
_READERS: dict[str, Callable[[dict[str, Any]], list[Shape]]] = {
    "mapped_dags": shapes_of_mapped,
    "scripted_dags": recorded_shapes,
}


def documents(folder: str) -> dict[str, Document]:
    return {
        dag.dag_id: serialize(dag, file.filename)
        for file in load_folder(CONTRACT / folder).files
        for dag in file.dags
    }


def of_document(task: dict[str, Any]) -> tuple[Any, ...]:
    return task["task_id"], sorted(task["upstream"]), task["trigger_rule"], task.get("expansion")


def of_shape(shape: Shape) -> tuple[Any, ...]:
    expansion = expansion_document(shape.expansion).get("expansion")
    return shape.task_id, sorted(shape.upstream), shape.rule, expansion


@pytest.mark.parametrize("folder", _READERS)
def test_the_shapes_of_recorded_mapped_dags_are_those_of_their_files(folder: str) -> None:
    loaded = documents(folder)
    for recorded in recorded_dags(f"{folder}/{folder}.json"):
        tasks = loaded[recorded["dag_id"]]["tasks"]
        shapes = _READERS[folder](recorded)
        assert sorted(map(of_document, tasks), key=str) == sorted(map(of_shape, shapes), key=str)
