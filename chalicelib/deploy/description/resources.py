"""The one description of a stage's tables, queues, bucket, Fernet key, logs and alarms.

Pure data. ``provisioning`` makes it; all that needs to know a key, a name or a queue's time reads it here.
"""

from dataclasses import dataclass
from typing import Literal

from chalicelib.deploy.description.alarms import Alarm, alarms_of
from chalicelib.deploy.description.functions import FUNCTIONS, Feed
from chalicelib.deploy.description.log_groups import LogGroup, log_groups
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS
from chalicelib.settings import ALARMS, Settings

_DAY_S = 24 * 60 * 60

QUEUE_RETENTION_S = 4 * _DAY_S
"""How long a message waits for a consumer: SQS's default, long enough for a broken weekend.

No more is needed. The truth is in the tables, and the tick sends again whatever waits for a message
that got lost, so a message that is days old has long been replaced by another.
"""

DEAD_LETTER_RETENTION_S = 14 * _DAY_S
"""SQS's maximum. A message that moves keeps the time of its first sending (AWS, standard queues), so
this has to exceed ``QUEUE_RETENTION_S`` for a dead letter to be readable at all."""

MAX_RECEIVE_COUNT = 5
"""Deliveries before a message is put aside: AWS advises at least 5 for a queue that feeds Lambda,
because a throttled invocation counts as a delivery."""


def dead_letters_of(queue: str) -> str:
    """The name of the queue that takes what a queue's function could not handle."""
    return f"{queue}-dead-letters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key attribute and its DynamoDB type: ``S`` string, ``N`` number."""

    name: str
    type: Literal["S", "N"] = "S"


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A global secondary index that projects the keys only."""

    name: str
    hash_key: Key
    range_key: Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A DynamoDB table, billed per request, with point-in-time recovery."""

    name: str
    hash_key: Key
    range_key: Key | None = None
    indexes: tuple[Index, ...] = ()
    expires_at: str | None = None
    """The attribute that holds the time to live (seconds since 1970), if any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """A standard SQS queue.

    A message that was received ``MAX_RECEIVE_COUNT`` times moves to the queue named ``dead_letters``,
    which keeps it for ``DEAD_LETTER_RETENTION_S``.
    """

    name: str
    visibility_timeout_s: int
    """Seconds until a message that was received, and not deleted, is delivered again."""
    retention_s: int = QUEUE_RETENTION_S
    """Seconds that a message is kept."""

    @property
    def dead_letters(self) -> str:
        """The name of the queue that takes what could not be handled."""
        return dead_letters_of(self.name)

    @property
    def longest_wait_s(self) -> int:
        """The age of a message beyond which something is wrong.

        It may have been sent with SQS's longest delay, which counts, and come again once, after a
        delivery whose function died. One that is older has no function that keeps up with it. (One that
        fails each time is not counted after its third delivery, AWS; it ends among the dead letters.)
        """
        return LONGEST_DELAY_SECONDS + self.visibility_timeout_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """The S3 bucket: no public access, encrypted with S3's own keys (SSE-S3)."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyParameter:
    """The parameter of Systems Manager with the Fernet key: a SecureString under AWS's ``aws/ssm``."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StageResources:
    """The resources that a stage needs before ``chalice deploy``, or the local server's start; its alarms."""

    tables: tuple[Table, ...]
    queues: tuple[Queue, ...]
    bucket: Bucket
    fernet_key: KeyParameter | None
    """None on the local stage, whose state folder has the key."""
    log_groups: tuple[LogGroup, ...]
    alarms: tuple[Alarm, ...]
    unwanted_alarms: tuple[str, ...]
    """The names of the alarms that other settings would have."""
    alarm_topic: str
    """The ARN of the SNS topic that the alarms tell; empty for none. A team's own: nothing here makes it."""


def stage_resources(settings: Settings) -> StageResources:
    """Describe the stage's resources: ``updraft-<stage>-<name>``, and the bucket.

    Bucket names are one namespace for all AWS accounts, so the default, ``updraft-<stage>-bucket``,
    is only good for the local stage. Set ``UPDRAFT__AWS__BUCKET`` in the stage's
    ``environment_variables`` in ``.chalice/config.json`` to a name of your own.
    """
    queues, is_local = _queues(settings), settings.stage == "local"
    alarms = alarms_of(settings.stage, queues, settings.more_alarms)
    every_alarm = alarms_of(settings.stage, queues, frozenset(ALARMS))
    return StageResources(
        tables=tuple(_named(settings, table) for table in _TABLES),
        queues=queues,
        bucket=Bucket(name=settings.bucket),
        fernet_key=None if is_local else KeyParameter(name=settings.fernet_key_parameter),
        log_groups=log_groups(settings),
        alarms=alarms,
        unwanted_alarms=tuple(alarm.name for alarm in every_alarm if alarm not in alarms),
        alarm_topic=settings.alarm_topic,
    )


def _queues(settings: Settings) -> tuple[Queue, ...]:
    return tuple(
        Queue(
            name=settings.resource(function.feed.queue),
            visibility_timeout_s=_visibility_timeout_s(
                function.feed, function.timeout(settings.worker_timeout)
            ),
        )
        for function in FUNCTIONS.values()
        if function.feed
    )


def _visibility_timeout_s(feed: Feed, timeout_s: int) -> int:
    if feed.batch_size == 1:
        # The invocation and a minute for delivering it. A message reappears soon after its worker was killed,
        # when the lease of the try has run out too.
        return timeout_s + 60
    # AWS advises 6 times the function's timeout for batches, to leave room for throttling.
    return 6 * timeout_s


def _named(settings: Settings, table: Table) -> Table:
    return Table(
        name=settings.resource(table.name),
        hash_key=table.hash_key,
        range_key=table.range_key,
        indexes=table.indexes,
        expires_at=table.expires_at,
    )


_DAG_ID = Key(name="dag_id")
_RUN_UID = Key(name="run_uid")
_EXECUTION_DATE = Key(name="execution_date")

_DUE = Index(name="due", hash_key=Key(name="due_shard", type="N"), range_key=Key(name="due_at"))

_TABLES = (
    Table(name="dags", hash_key=_DAG_ID, indexes=(_DUE,)),
    Table(name="dag_versions", hash_key=_DAG_ID, range_key=Key(name="version")),
    Table(name="dag_runs", hash_key=_DAG_ID, range_key=_EXECUTION_DATE),
    Table(name="dag_run_ids", hash_key=_DAG_ID, range_key=Key(name="run_id")),
    Table(name="unfinished_runs", hash_key=_DAG_ID, range_key=_EXECUTION_DATE, indexes=(_DUE,)),
    Table(name="task_instances", hash_key=_RUN_UID, range_key=Key(name="task_key")),
    Table(name="xcoms", hash_key=_RUN_UID, range_key=Key(name="xcom_key")),
    Table(name="pools", hash_key=Key(name="name"), range_key=Key(name="shard", type="N")),
    Table(name="pool_waiters", hash_key=Key(name="name"), range_key=Key(name="waiter_key")),
    Table(name="lineage", hash_key=_RUN_UID, range_key=Key(name="task_id")),
    Table(name="datasets", hash_key=Key(name="reference")),
    Table(name="dataset_events", hash_key=Key(name="uri"), range_key=Key(name="event_key")),
    Table(name="dataset_queues", hash_key=_DAG_ID, range_key=Key(name="entry")),
    Table(name="dataset_arrivals", hash_key=_RUN_UID, range_key=Key(name="arrival_key")),
    Table(name="kept_answers", hash_key=Key(name="scoped_key"), expires_at="expires_at"),
    Table(name="variables", hash_key=Key(name="key")),
    Table(name="connections", hash_key=Key(name="conn_id")),
    Table(name="users", hash_key=Key(name="username")),
    Table(name="logins", hash_key=Key(name="name_digest"), expires_at="expires_at"),
    Table(name="kerberos_replays", hash_key=Key(name="authenticator"), expires_at="expires_at"),
    Table(name="import_errors", hash_key=Key(name="filename")),
)
