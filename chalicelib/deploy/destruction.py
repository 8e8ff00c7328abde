"""The destruction of a stage as a list of steps.

Its data (tables, bucket, Fernet key, logs) stays unless asked for.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice.entries import Entry
from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.chalice.record import planned_restoring, restore_record, true_record
from chalicelib.deploy.checks.backlog import messages_in
from chalicelib.deploy.deployed_functions import refuse_stack
from chalicelib.deploy.description.event_sources import EventSources, event_sources
from chalicelib.deploy.description.resources import StageResources, stage_resources
from chalicelib.deploy.provisioning.alarms import delete_alarms, standing_alarms
from chalicelib.deploy.provisioning.bucket import CONFLICT, expecting
from chalicelib.deploy.provisioning.connect_events import connected_events, disconnect_events
from chalicelib.deploy.provisioning.layer import delete_unwanted, standing_versions
from chalicelib.deploy.provisioning.log_groups import delete_log_groups
from chalicelib.deploy.provisioning.queues import queue_url
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.steps import Step, planned

_REPEAT = "Put that right and destroy again: what is gone already is no error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destruction:
    """A stage on its way down."""

    stage: Stage
    data: bool = False
    """Whether its tables, bucket, Fernet key and logs go, too."""
    client: aws.ClientFactory = aws.client
    run_chalice: RunChalice = run_chalice
    sleep: Sleep = time.sleep

    def plan(self) -> Iterator[str]:
        """What the steps would do, in their order, a line each, then what stays; changes nothing.

        Raises ``StageError`` for a stage that is a CloudFormation stack.
        """
        refuse_stack(self.stage.name, client=self.client)
        yield from planned(self.steps())
        if not self.data:
            kept = (*self._tables, self._bucket, *self._fernet_key, self._logs)
            yield from (f"keep    {subject}" for subject in kept)

    def steps(self) -> tuple[Step, ...]:
        """What there is to do, in order: first nothing comes any more, the data last."""
        steps: list[tuple[str, Callable[[], Iterable[str]], Callable[[], None]]] = [
            ("Sources of events", self._plan_events, self._disconnect),
            # Before the clock stops, which one of them would tell.
            ("Alarms", self._plan_alarms, self._delete_alarms),
            ("What Chalice has deployed", self._plan_record, self._restore_record),
            ("Functions and REST API", self._plan_functions, self._chalice_delete),
            ("User packages", self._plan_layer, self._delete_layer),
            ("Queues", self._plan_queues, self._delete_queues),
        ]
        if self.data:
            steps += [
                ("Tables", partial(_deleted, self._tables), self._delete_tables),
                ("Bucket", partial(_deleted, [self._bucket]), self._delete_bucket),
                # After the tables: as long as anything is encrypted with it, it can be read.
                ("Fernet key", partial(_deleted, self._fernet_key), self._delete_fernet_key),
                ("Logs", partial(_deleted, [self._logs]), self._delete_logs),
            ]
        return tuple(Step(name=name, plan=plan, do=do, advice=_REPEAT) for name, plan, do in steps)

    @property
    def _tables(self) -> tuple[str, ...]:
        return tuple(f"table {table.name}" for table in self._resources.tables)

    @property
    def _bucket(self) -> str:
        return f"bucket {self._resources.bucket.name} and all that is in it"

    @property
    def _fernet_key(self) -> tuple[str, ...]:
        parameter = self._resources.fernet_key
        return (f"parameter {parameter.name}, the Fernet key",) if parameter else ()

    @property
    def _logs(self) -> str:
        return f"logs {', '.join(group.name for group in self._resources.log_groups)}"

    @property
    def _resources(self) -> StageResources:
        return stage_resources(self.stage.settings)

    def _plan_events(self) -> Iterator[str]:
        if self._sources_exist:
            names = connected_events(self._sources, client=self.client)
            yield from _deleted(f"events by {name}" for name in names)

    def _disconnect(self) -> None:
        if self._sources_exist:
            disconnect_events(self._sources, client=self.client, sleep=self.sleep)

    @property
    def _sources(self) -> EventSources:
        return event_sources(self.stage.settings, ())

    @property
    def _sources_exist(self) -> bool:
        """Whether the queue of the events is there; else they were disconnected before."""
        return messages_in(self._sources.queue, self.client("sqs")) is not None

    def _plan_record(self) -> Iterator[str]:
        yield from planned_restoring(self.stage.project, self.stage.name, client=self.client)

    def _restore_record(self) -> None:
        restore_record(self.stage.project, self.stage.name, client=self.client)

    def _plan_functions(self) -> Iterator[str]:
        entries = true_record(self.stage.project, self.stage.name, client=self.client)
        yield from _deleted(map(_described, entries))

    def _chalice_delete(self) -> None:
        self.run_chalice(self.stage.project, ("delete", "--stage", self.stage.name))

    def _plan_layer(self) -> Iterator[str]:
        versions = standing_versions(self.stage.name, self.client("lambda"))
        yield from _deleted(f"layer {version.name}" for version in versions)

    def _delete_layer(self) -> None:
        delete_unwanted(self.stage, keep=None, owner=caller_place(self.client).account, client=self.client)

    def _plan_alarms(self) -> Iterator[str]:
        names = sorted(standing_alarms(self._resources, self.client("cloudwatch")))
        yield from _deleted(f"alarm {name}" for name in names)

    def _delete_alarms(self) -> None:
        delete_alarms(self._resources, self.client("cloudwatch"))

    def _plan_queues(self) -> Iterator[str]:
        for name in _queue_names(self._resources):
            messages = messages_in(name, self.client("sqs"))
            if messages is not None:
                yield f"delete  queue {name} with about {messages} messages"

    def _delete_queues(self) -> None:
        sqs = self.client("sqs")
        for name in _queue_names(self._resources):
            _unless_gone(partial(_delete_queue, name, sqs), "NonExistentQueue")

    def _delete_tables(self) -> None:
        dynamodb = self.client("dynamodb")
        # While it is being created, or an index of it; or while too many others are.
        busy = ("ResourceInUseException", "LimitExceededException")
        for table in self._resources.tables:
            delete = partial(dynamodb.delete_table, TableName=table.name)
            _unless_gone(
                partial(when_not_busy, delete, busy=busy, sleep=self.sleep), "ResourceNotFoundException"
            )
        for table in self._resources.tables:  # else the next deployment would find them, about to go
            pace = {"Delay": 1, "MaxAttempts": 300}
            dynamodb.get_waiter("table_not_exists").wait(TableName=table.name, WaiterConfig=pace)

    def _delete_bucket(self) -> None:
        s3, bucket = self.client("s3"), self._resources.bucket.name
        # A function's last words may come into the bucket after it was emptied.
        owner = caller_place(self.client).account
        delete = partial(
            when_not_busy,
            partial(_empty_and_delete, bucket, owner, s3),
            busy=(*CONFLICT, "BucketNotEmpty"),
            sleep=self.sleep,
        )
        _unless_gone(delete, "NoSuchBucket")

    def _delete_fernet_key(self) -> None:
        if parameter := self._resources.fernet_key:
            _unless_gone(
                partial(self.client("ssm").delete_parameter, Name=parameter.name), "ParameterNotFound"
            )

    def _delete_logs(self) -> None:
        delete_log_groups(self._resources.log_groups, self.client("logs"), sleep=self.sleep)


def _deleted(subjects: Iterable[str]) -> Iterator[str]:
    return (f"delete  {subject}" for subject in subjects)


def _described(entry: Entry) -> str:
    named = ("lambda_arn", "role_name", "rule_name", "rest_api_id")
    name = next((entry[key] for key in named if key in entry), entry["name"])
    return f"{entry['resource_type'].replace('_', ' ')} {name.rpartition(':')[2]}"


def _queue_names(resources: StageResources) -> Iterator[str]:
    """Each queue before the one that takes its dead letters."""
    for queue in resources.queues:
        yield queue.name
        yield queue.dead_letters


def _delete_queue(name: str, sqs: Any) -> None:
    sqs.delete_queue(QueueUrl=queue_url(name, sqs))


def _empty_and_delete(bucket: str, owner: str, s3: Any) -> None:
    """All versions too: a bucket must be empty to be deleted (AWS)."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **expecting(owner)):
        objects = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, **expecting(owner))
    s3.delete_bucket(Bucket=bucket, **expecting(owner))


def _unless_gone(delete: Callable[[], object], gone: str) -> None:
    """Delete; that there is no such thing, AWS's error code ``gone``, is as good."""
    from botocore.exceptions import ClientError

    try:
        delete()
    except ClientError as error:
        if error_code(error) != gone:
            raise
