"""Every method of the DynamoDB store, called once on a populated store."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dags import DagImportError, DagVersion
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.task_instances import Expected, FinishedTry
from chalicelib.domain.variables import StoredVariable
from chalicelib.store.dynamodb import DynamoStore
from tests.scripted.examples import (
    HOUR,
    NOON,
    a_dag,
    a_dataset,
    a_dataset_event,
    a_kept_answer,
    a_pool,
    a_run,
    a_waiter,
    an_arrival,
    run_of_arrival,
)

RUN = a_run().ref
QUEUED = frozenset({DagRunState.QUEUED})
INTERVAL = DataInterval(start=NOON, end=NOON + HOUR)
QUEUED_TRY = Expected(states=frozenset({TaskInstanceState.QUEUED}))
UNTOUCHED = Expected(states=frozenset({None}))
VERSION = DagVersion(dag_id="sales", version="v1", document={}, code="")
ERROR = DagImportError(filename="a.py", stacktrace="boom", timestamp=NOON)
VARIABLE = StoredVariable(key="city", value="Ulm")
CONNECTION = StoredConnection(conn_id="db", id=1, conn_type="postgres")
"""Without secrets: their tokens differ each time that they are written."""
TRY = FinishedTry(
    run_uid="01RUN",
    task_id="t",
    map_index=-1,
    try_number=1,
    state=TaskInstanceState.FAILED,
    start_date=None,
    end_date=None,
    duration=None,
    hostname=None,
    reason=None,
)

WAITING = an_arrival("first", runs=False)
COMPLETING = an_arrival("second", WAITING.after, runs=True)

Call = Callable[[DynamoStore], Any]

RUN_DELETION = {("DeleteItem", name): 1 for name in ("unfinished_runs", "dag_run_ids", "dag_runs")}

# What is called, and the DynamoDB requests that it takes.
CALLS: dict[str, tuple[Call, dict[tuple[str, str], int]]] = {
    "dags.get": (lambda s: s.dags.get("sales"), {("GetItem", "dags"): 1}),
    "dags.list": (lambda s: [*s.dags.list()], {("Scan", "dags"): 1}),
    "dags.save": (lambda s: s.dags.save(a_dag()), {("UpdateItem", "dags"): 1}),
    "dags.set_active": (lambda s: s.dags.set_active("sales", True), {("UpdateItem", "dags"): 1}),
    "dags.set_paused": (lambda s: s.dags.set_paused("sales", True, "ada"), {("UpdateItem", "dags"): 1}),
    "dags.pause_after": (
        lambda s: s.dags.pause_after(a_run().ref, "an end", "scheduler", NOON),
        {("UpdateItem", "dags"): 1},
    ),
    "dags.set_next_run": (
        lambda s: s.dags.set_next_run(a_dag(), INTERVAL, None),
        {("UpdateItem", "dags"): 1},
    ),
    "dags.set_next_run, refused": (
        lambda s: s.dags.set_next_run(a_dag(version="v2"), INTERVAL, None),
        {("UpdateItem", "dags"): 1},
    ),
    "dags.due": (lambda s: [*s.dags.due(NOON)], {("Query", "dags"): 1}),
    "dags.set_latest_run": (lambda s: s.dags.set_latest_run(a_run()), {("UpdateItem", "dags"): 1}),
    "dags.mark_deleted": (
        lambda s: s.dags.mark_deleted("sales"),
        {("GetItem", "dags"): 1, ("UpdateItem", "dags"): 1},
    ),
    "dags.revive": (
        lambda s: s.dags.revive("sales", 1, is_paused=True),
        {("UpdateItem", "dags"): 1},
    ),
    "dags.note_altered": (lambda s: s.dags.note_altered(RUN, 0), {("UpdateItem", "dags"): 1}),
    "dags.forget_altered": (lambda s: s.dags.forget_altered(RUN, 0), {("UpdateItem", "dags"): 1}),
    "dags.version": (lambda s: s.dags.version("sales", "v1"), {("GetItem", "dag_versions"): 1}),
    "dags.save_version": (lambda s: s.dags.save_version(VERSION), {("PutItem", "dag_versions"): 1}),
    "dags.import_errors": (lambda s: [*s.dags.import_errors()], {("Scan", "import_errors"): 1}),
    "dags.save_import_error": (
        lambda s: s.dags.save_import_error(ERROR),
        {("PutItem", "import_errors"): 1},
    ),
    "dags.clear_import_error": (
        lambda s: s.dags.clear_import_error("a.py"),
        {("DeleteItem", "import_errors"): 1},
    ),
    "dag_runs.create": (
        lambda s: s.dag_runs.create(a_run("02RUN", NOON + HOUR), NOON),
        {("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 1},
    ),
    "dag_runs.create, with its answer": (
        lambda s: s.dag_runs.create(a_run("02RUN", NOON + HOUR), NOON, a_kept_answer("new")),
        {("TransactWriteItems", "dag_run_ids+dag_runs+kept_answers+unfinished_runs"): 1},
    ),
    "dag_runs.create, key taken": (
        lambda s: s.dag_runs.create(a_run("02RUN", NOON + HOUR), NOON, a_kept_answer("key", "else")),
        {("TransactWriteItems", "dag_run_ids+dag_runs+kept_answers+unfinished_runs"): 1},
    ),
    "dag_runs.create, taken": (
        lambda s: s.dag_runs.create(a_run("02RUN"), NOON),
        {("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 1},
    ),
    "dag_runs.get": (lambda s: s.dag_runs.get("sales", NOON), {("GetItem", "dag_runs"): 1}),
    "dag_runs.get_many": (
        lambda s: [*s.dag_runs.get_many("sales", [NOON, NOON + HOUR])],
        {("BatchGetItem", "dag_runs"): 1},
    ),
    "dag_runs.get_with_dag": (
        lambda s: s.dag_runs.get_with_dag("sales", NOON),
        {("BatchGetItem", "dag_runs+dags"): 1},
    ),
    "dag_runs.get_by_run_id": (
        lambda s: s.dag_runs.get_by_run_id("sales", a_run().run_id),
        {("GetItem", "dag_run_ids"): 1, ("GetItem", "dag_runs"): 1},
    ),
    "dag_runs.list": (lambda s: [*s.dag_runs.list("sales")], {("Query", "dag_runs"): 1}),
    "dag_runs.list, first only": (
        lambda s: next(s.dag_runs.list("sales", descending=True)),
        {("Query", "dag_runs"): 1},
    ),
    "dag_runs.transition": (
        lambda s: s.dag_runs.transition(RUN, QUEUED, {"state": DagRunState.RUNNING}),
        {("UpdateItem", "dag_runs"): 1},
    ),
    "dag_runs.transition, refused": (
        lambda s: s.dag_runs.transition(RUN, frozenset({DagRunState.SUCCESS}), {"state": DagRunState.FAILED}),
        {("UpdateItem", "dag_runs"): 1},
    ),
    "dag_runs.requeue": (
        lambda s: s.dag_runs.requeue(a_run(), {"state": DagRunState.QUEUED, "fence": 1}, NOON),
        {("TransactWriteItems", "dag_runs+unfinished_runs"): 1},
    ),
    "dag_runs.requeue, refused": (
        lambda s: s.dag_runs.requeue(a_run(fence=9), {"state": DagRunState.QUEUED, "fence": 1}, NOON),
        {("TransactWriteItems", "dag_runs+unfinished_runs"): 1},
    ),
    "dag_runs.unfinished": (
        lambda s: [*s.dag_runs.unfinished("sales")],
        {("Query", "unfinished_runs"): 1},
    ),
    "dag_runs.first": (lambda s: s.dag_runs.first("sales", 9), {("Query", "dag_runs"): 1}),
    "dag_runs.delete": (
        lambda s: s.dag_runs.delete(a_run()),
        RUN_DELETION,
    ),
    "dag_runs.delete, refused": (
        lambda s: s.dag_runs.delete(a_run(state=DagRunState.SUCCESS)),
        RUN_DELETION,
    ),
    "dag_runs.due": (lambda s: [*s.dag_runs.due(NOON)], {("Query", "unfinished_runs"): 16}),
    "dag_runs.move_due": (
        lambda s: s.dag_runs.move_due(RUN, NOON + HOUR),
        {("UpdateItem", "unfinished_runs"): 1},
    ),
    "dag_runs.remove_unfinished": (
        lambda s: s.dag_runs.remove_unfinished(RUN),
        {("DeleteItem", "unfinished_runs"): 1},
    ),
    "task_instances.get": (
        lambda s: s.task_instances.get("01RUN", "t#-1"),
        {("GetItem", "task_instances"): 1},
    ),
    "task_instances.list": (
        lambda s: [*s.task_instances.list("01RUN")],
        {("Query", "task_instances"): 1},
    ),
    "task_instances.arrive": (
        lambda s: s.task_instances.arrive("01RUN", "t#-1", {"success": 1}),
        {("UpdateItem", "task_instances"): 1},
    ),
    "task_instances.arrive, again": (
        lambda s: s.task_instances.arrive("01RUN", "seen#-1", {"success": 1}),
        {("UpdateItem", "task_instances"): 1},
    ),
    "task_instances.transition": (
        lambda s: s.task_instances.transition("01RUN", "t#-1", UNTOUCHED, {"sends": 1}, {"success": 1}),
        {("UpdateItem", "task_instances"): 1},
    ),
    "task_instances.transition, refused": (
        lambda s: s.task_instances.transition("01RUN", "t#-1", QUEUED_TRY, {"sends": 1}),
        {("UpdateItem", "task_instances"): 1},
    ),
    "task_instances.save_finished_try": (
        lambda s: s.task_instances.save_finished_try(TRY),
        {("PutItem", "task_instances"): 1},
    ),
    "task_instances.finished_tries": (
        lambda s: [*s.task_instances.finished_tries("01RUN", "t", -1)],
        {("Query", "task_instances"): 1},
    ),
    "task_instances.delete_run": (
        lambda s: s.task_instances.delete_run("01RUN"),
        {("Query", "task_instances"): 1, ("BatchWriteItem", "task_instances"): 1},
    ),
    "xcoms.push": (lambda s: s.xcoms.push("01RUN", "t", -1, "key", "1"), {("PutItem", "xcoms"): 1}),
    "xcoms.pull": (lambda s: s.xcoms.pull("01RUN", "t", -1, "x"), {("GetItem", "xcoms"): 1}),
    "xcoms.pull_all": (lambda s: [*s.xcoms.pull_all("01RUN", "few", "key1")], {("Query", "xcoms"): 1}),
    "xcoms.clear": (
        lambda s: s.xcoms.clear("01RUN", "few", -1),
        {("Query", "xcoms"): 1, ("BatchWriteItem", "xcoms"): 1},
    ),
    "xcoms.clear, of nothing": (lambda s: s.xcoms.clear("01RUN", "t", -1), {("Query", "xcoms"): 1}),
    "xcoms.delete_run": (
        lambda s: s.xcoms.delete_run("01RUN"),
        {("Query", "xcoms"): 1, ("BatchWriteItem", "xcoms"): 1},
    ),
    "pools.get": (lambda s: s.pools.get("gpu"), {("GetItem", "pools"): 1}),
    "pools.list": (lambda s: [*s.pools.list()], {("Scan", "pools"): 1}),
    "pools.save, of a new one": (
        lambda s: s.pools.save(a_pool("cpu")),
        {("Query", "pools"): 1, ("TransactWriteItems", "pools"): 1},
    ),
    "pools.save, of the same": (lambda s: s.pools.save(a_pool(slots=40)), {("Query", "pools"): 1}),
    "pools.save_once": (
        lambda s: s.pools.save_once(a_pool(slots=50), lambda _: a_kept_answer("new")),
        {("Query", "pools"): 1, ("TransactWriteItems", "kept_answers+pools"): 1},
    ),
    "pools.save_once, of the same": (
        lambda s: s.pools.save_once(a_pool(slots=40), lambda _: a_kept_answer("new")),
        {("Query", "pools"): 1, ("TransactWriteItems", "kept_answers"): 1},
    ),
    "pools.save_once, key taken": (
        lambda s: s.pools.save_once(a_pool(slots=50), lambda _: a_kept_answer("key", "else")),
        {("Query", "pools"): 1, ("TransactWriteItems", "kept_answers+pools"): 1},
    ),
    "kept_answers.get": (lambda s: s.kept_answers.get("key"), {("GetItem", "kept_answers"): 1}),
    "pools.delete": (
        lambda s: s.pools.delete("gpu"),
        {("Query", "pools"): 1, ("TransactWriteItems", "pools"): 1},
    ),
    "pools.shards": (lambda s: s.pools.shards("gpu"), {("Query", "pools"): 1}),
    "pools.all_shards": (lambda s: [*s.pools.all_shards()], {("Scan", "pools"): 1}),
    "pools.take, of one shard": (
        lambda s: s.pools.take("gpu", "b", ((0, 1),), NOON),
        {("UpdateItem", "pools"): 1},
    ),
    "pools.take, refused": (
        lambda s: s.pools.take("gpu", "b", ((0, 99),), NOON),
        {("UpdateItem", "pools"): 1},
    ),
    "pools.take, of several": (
        lambda s: s.pools.take("gpu", "b", ((0, 1), (1, 1)), NOON),
        {("TransactWriteItems", "pools"): 1},
    ),
    "pools.give": (lambda s: s.pools.give("gpu", "a", ((0, 1), (1, 1))), {("UpdateItem", "pools"): 2}),
    "pools.swap": (lambda s: s.pools.swap("gpu", 0, "a", "b", 1, NOON), {("UpdateItem", "pools"): 1}),
    "pools.add_waiter": (
        lambda s: s.pools.add_waiter(a_waiter()),
        {("PutItem", "pool_waiters"): 1, ("Query", "pools"): 1, ("UpdateItem", "pools"): 3},
    ),
    "pools.waiters": (lambda s: s.pools.waiters("gpu", 10), {("Query", "pool_waiters"): 1}),
    "pools.remove_waiter": (
        lambda s: s.pools.remove_waiter(a_waiter()),
        {("DeleteItem", "pool_waiters"): 1},
    ),
    "lineage.delete_run": (lambda s: s.lineage.delete_run("01RUN"), {("Query", "lineage"): 1}),
    "lineage.save": (lambda s: s.lineage.save("01RUN", "t", -1, ["a"], []), {("PutItem", "lineage"): 1}),
    "lineage.list": (lambda s: [*s.lineage.list("01RUN")], {("Query", "lineage"): 1}),
    "datasets.get_many": (
        lambda s: [*s.datasets.get_many([a_dataset().reference, "alias:none"])],
        {("BatchGetItem", "datasets"): 1},
    ),
    "datasets.list": (lambda s: [*s.datasets.list()], {("Scan", "datasets"): 1}),
    "datasets.save": (lambda s: s.datasets.save(a_dataset()), {("UpdateItem", "datasets"): 1}),
    "datasets.bring": (
        lambda s: s.datasets.bring(a_dataset(aliases=frozenset({"found"}))),
        {("UpdateItem", "datasets"): 1},
    ),
    "dataset_events.save": (
        lambda s: s.dataset_events.save(a_dataset_event()),
        {("PutItem", "dataset_events"): 1},
    ),
    "dataset_events.list": (
        lambda s: [*s.dataset_events.list("s3://shop/prices")],
        {("Query", "dataset_events"): 1},
    ),
    "dataset_events.get_many": (
        lambda s: [*s.dataset_events.get_many([a_dataset_event().key])],
        {("BatchGetItem", "dataset_events"): 1},
    ),
    "dataset_queues.get_with_dag": (
        lambda s: s.dataset_queues.get_with_dag("sales"),
        {("BatchGetItem", "dags+dataset_queues"): 1},
    ),
    "dataset_queues.arrive": (
        lambda s: s.dataset_queues.arrive(an_arrival("new", WAITING.after, runs=False), None, NOON),
        {("TransactWriteItems", "dataset_arrivals+dataset_queues"): 1},
    ),
    "dataset_queues.arrive, with its run": (
        lambda s: s.dataset_queues.arrive(COMPLETING, run_of_arrival(COMPLETING), NOON),
        {("TransactWriteItems", "dag_run_ids+dag_runs+dataset_arrivals+dataset_queues+unfinished_runs"): 1},
    ),
    "dataset_queues.arrive, again": (
        lambda s: s.dataset_queues.arrive(WAITING, None, NOON),
        {("TransactWriteItems", "dataset_arrivals+dataset_queues"): 1},
    ),
    "dataset_queues.arrivals": (
        lambda s: [*s.dataset_queues.arrivals("next1")],
        {("Query", "dataset_arrivals"): 1},
    ),
    "dataset_queues.run_of": (
        lambda s: s.dataset_queues.run_of("sales", "first"),
        {("GetItem", "dataset_queues"): 2},
    ),
    "dataset_queues.delete_run": (
        lambda s: s.dataset_queues.delete_run("next1"),
        {("Query", "dataset_arrivals"): 1, ("BatchWriteItem", "dataset_arrivals"): 1},
    ),
    "dataset_queues.delete_dag": (
        lambda s: s.dataset_queues.delete_dag("sales", 2),
        {
            ("GetItem", "dataset_queues"): 1, ("Query", "dataset_queues"): 1,
            ("Query", "dataset_arrivals"): 1, ("BatchWriteItem", "dataset_arrivals"): 1,
            ("BatchWriteItem", "dataset_queues"): 1,
        },
    ),
    "variables.get": (lambda s: s.variables.get("city"), {("GetItem", "variables"): 1}),
    "variables.list": (lambda s: [*s.variables.list()], {("Scan", "variables"): 1}),
    "variables.save": (lambda s: s.variables.save(VARIABLE), {("PutItem", "variables"): 1}),
    "variables.delete": (lambda s: s.variables.delete("city"), {("DeleteItem", "variables"): 1}),
    "connections.get": (lambda s: s.connections.get("db"), {("GetItem", "connections"): 1}),
    "connections.list": (lambda s: [*s.connections.list()], {("Scan", "connections"): 1}),
    "connections.add": (
        lambda s: s.connections.add(replace(CONNECTION, conn_id="new")),
        {("PutItem", "connections"): 1},
    ),
    "connections.add, refused": (
        lambda s: s.connections.add(replace(CONNECTION, id=2)),
        {("PutItem", "connections"): 1},
    ),
    "connections.save": (lambda s: s.connections.save(CONNECTION), {("PutItem", "connections"): 1}),
    "connections.delete": (lambda s: s.connections.delete("db"), {("DeleteItem", "connections"): 1}),
    "connections.rotate_fernet_key": (
        lambda s: s.connections.rotate_fernet_key(),
        {("Scan", "connections"): 1},
    ),
    "payloads.keep": (lambda s: s.payloads.keep("key", "{}"), {}),
    "payloads.read": (lambda s: s.payloads.read(Payload(text="{}")), {}),
}  # fmt: skip


def populate(store: DynamoStore) -> None:
    store.dags.save(a_dag())
    store.dags.save_version(VERSION)
    store.dag_runs.create(a_run(), NOON)
    store.task_instances.arrive("01RUN", "seen#-1", {"success": 1})
    store.datasets.save(a_dataset())
    store.dataset_events.save(a_dataset_event())
    store.dataset_queues.arrive(WAITING, None, NOON)
    store.connections.save(CONNECTION)
    store.pools.save(a_pool(slots=40))
    store.pools.take("gpu", "a", ((0, 1),), NOON)
    store.dag_runs.create(a_run("kept", NOON - HOUR), NOON, a_kept_answer())
    store.xcoms.push("01RUN", "few", -1, "key1", "1")
    store.xcoms.push("01RUN", "few", -1, "key2", "1")
