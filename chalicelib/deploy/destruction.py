"""Taking a stage down again. Its data stays unless it is asked for: tables, bucket and logs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep, error_code, when_not_busy
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice.entries import Entry, standing_entries
from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.chalice.record import restore_record
from chalicelib.deploy.checks.backlog import messages_in
from chalicelib.deploy.deployed_functions import refuse_stack
from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.resources import StageResources, stage_resources
from chalicelib.deploy.provisioning.alarms import delete_alarms, standing_alarms
from chalicelib.deploy.provisioning.bucket import CONFLICT, expecting
from chalicelib.deploy.provisioning.connect_events import disconnect_events
from chalicelib.deploy.provisioning.log_groups import delete_log_groups
from chalicelib.deploy.provisioning.queues import queue_url
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.steps import Step

_REPEAT = "Put that right and destroy again: what is gone already is no error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destruction:
    """A stage on its way down; ``data``: with its tables, bucket and logs."""

    stage: Stage
    data: bool = False
    client: aws.ClientFactory = aws.client
    run_chalice: RunChalice = run_chalice
    sleep: Sleep = time.sleep

    def steps(self) -> tuple[Step, ...]:
        """What there is to do, in order: first nothing comes any more, the data last."""
        steps = [
            ("Sources of events", self._disconnect),
            ("Alarms", self._delete_alarms),  # before the clock stops, which one of them would tell
            ("What Chalice has deployed", self._restore_record),
            ("Functions and REST API", self._chalice_delete),
            ("Queues", self._delete_queues),
        ]
        if self.data:
            steps += [
                ("Tables", self._delete_tables),
                ("Bucket", self._delete_bucket),
                ("Logs", self._delete_logs),
            ]
        return tuple(Step(name=name, do=do, advice=_REPEAT) for name, do in steps)

    @property
    def _resources(self) -> StageResources:
        return stage_resources(self.stage.settings)

    def _disconnect(self) -> None:
        sources = event_sources(self.stage.settings, ())
        if messages_in(sources.queue, self.client("sqs")) is not None:  # else it was done before
            disconnect_events(sources, client=self.client, sleep=self.sleep)

    def _restore_record(self) -> None:
        restore_record(self.stage.project, self.stage.name, client=self.client)

    def _chalice_delete(self) -> None:
        self.run_chalice(self.stage.project, ("delete", "--stage", self.stage.name))

    def _delete_alarms(self) -> None:
        delete_alarms(self._resources, self.client("cloudwatch"))

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

    def _delete_logs(self) -> None:
        delete_log_groups(self._resources.log_groups, self.client("logs"), sleep=self.sleep)


def plan_destruction(stage: Stage, *, data: bool, client: aws.ClientFactory = aws.client) -> Iterator[str]:
    """What would be deleted and what stays, a line each; asks AWS and changes nothing.

    Raises ``StageError`` for a stage that is a CloudFormation stack.
    """
    refuse_stack(stage.name, client=client)
    for entry in standing_entries(stage.name, client=client):
        yield f"delete  {_described(entry)}"
    resources = stage_resources(stage.settings)
    for name in sorted(standing_alarms(resources, client("cloudwatch"))):
        yield f"delete  alarm {name}"
    for name in _queue_names(resources):
        messages = messages_in(name, client("sqs"))
        if messages is not None:
            yield f"delete  queue {name} with about {messages} messages"
    verb = "delete" if data else "keep  "
    for table in resources.tables:
        yield f"{verb}  table {table.name}"
    yield f"{verb}  bucket {resources.bucket.name} and all that is in it"
    yield f"{verb}  logs {', '.join(group.name for group in resources.log_groups)}"


def _described(entry: Entry) -> str:
    name = entry.get("lambda_arn") or entry.get("role_name") or entry.get("rule_name") or entry["rest_api_id"]
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
