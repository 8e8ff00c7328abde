"""The models say the same as the description of the tables and the domain."""

from dataclasses import fields

import pytest
from pynamodb.models import Model

from chalicelib.deploy.description.resources import Table, stage_resources
from chalicelib.domain.tasks.notes import NOTE_NAMES
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import models
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.tables import Tables

SETTINGS = Settings.from_environ({})
BOUND = vars(Tables(DynamoDB(), SETTINGS))
MODELS = {
    "dags": models.DagItem,
    "dag_versions": models.DagVersionItem,
    "import_errors": models.ImportErrorItem,
    "dag_runs": models.DagRunItem,
    "dag_run_ids": models.DagRunIdItem,
    "unfinished_runs": models.UnfinishedRunItem,
    "task_instances": models.TaskInstanceItem,
    "xcoms": models.XComItem,
    "pools": models.PoolShardItem,
    "pool_waiters": models.PoolWaiterItem,
    "datasets": models.DatasetItem,
    "dataset_events": models.DatasetEventItem,
    "dataset_queues": models.DatasetQueueItem,
    "dataset_arrivals": models.DatasetArrivalItem,
    "kept_answers": models.KeptAnswerItem,
    "lineage": models.LineageItem,
    "users": models.UserItem,
    "logins": models.LoginItem,
    "kerberos_replays": models.KerberosReplayItem,
    "variables": models.VariableItem,
    "connections": models.ConnectionItem,
}


def test_every_table_has_its_model_here() -> None:
    assert MODELS.keys() == BOUND.keys()


@pytest.mark.parametrize("name", MODELS)
def test_keys_are_those_of_the_deployed_tables(name: str) -> None:
    table = _deployed(name)
    keys = [(key.name, key.type) for key in (table.hash_key, table.range_key) if key]
    assert _keys(MODELS[name]) == keys
    assert BOUND[name].name == table.name


@pytest.mark.parametrize("name", ["unfinished_runs", "dags"])
def test_the_index_is_over_attributes_that_exist(name: str) -> None:
    (index,) = _deployed(name).indexes
    attributes = MODELS[name].get_attributes()
    for key in (index.hash_key, index.range_key):
        assert attributes[key.name].attr_type == key.type


def test_every_field_and_note_of_a_task_instance_has_an_attribute() -> None:
    attributes = models.TaskInstanceItem.get_attributes()
    names = {field.name for field in fields(TaskInstance)} - {"task_id", "map_index", "notes"}
    assert names <= set(attributes)
    assert {name for name in attributes if name.startswith("mark_")} == {f"mark_{n}" for n in NOTE_NAMES}


def _deployed(name: str) -> Table:
    full_name = SETTINGS.resource(name)
    return next(table for table in stage_resources(SETTINGS).tables if table.name == full_name)


def _keys(model: type[Model]) -> list[tuple[str, str]]:
    attributes = model.get_attributes().values()
    hashes = [(a.attr_name, a.attr_type) for a in attributes if a.is_hash_key]
    return hashes + [(a.attr_name, a.attr_type) for a in attributes if a.is_range_key]
