"""The items of each table. Table names are bound by ``Table``, from the settings.

Keys are those of ``deploy.description.resources``; a test compares them. What is None is not in the item.
"""

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.models import Model

from chalicelib.store.dynamodb.attributes import (
    DeferralAttribute,
    HoldersAttribute,
    InstantAttribute,
    IntegerAttribute,
    NumbersAttribute,
    PartsAttribute,
    PayloadAttribute,
    ScheduleAttribute,
    TextsAttribute,
)


class DagItem(Model):
    """Table ``dags``; the index ``due`` is over ``due_shard`` (only while unpaused) and ``due_at``.

    ``due_at`` is when the next run is due, which is the end of its data interval, and ``next_run_start`` the
    start of that. A run that the user's own timetable has planned has an end and an id besides; while none
    is planned, ``due_at`` is when that timetable is asked.
    """

    dag_id = UnicodeAttribute(hash_key=True)
    generation = IntegerAttribute()
    is_paused = BooleanAttribute()
    is_active = BooleanAttribute()
    is_deleted = BooleanAttribute()
    version = UnicodeAttribute()
    fileloc = UnicodeAttribute()
    scheduling = ScheduleAttribute(null=True)
    default_start_date = InstantAttribute(null=True)
    has_params = BooleanAttribute(null=True)
    dataset_condition = UnicodeAttribute(null=True)
    names_datasets = BooleanAttribute(null=True)
    latest_run_date = InstantAttribute(null=True)
    latest_run_uid = UnicodeAttribute(null=True)
    latest_run_start_date = InstantAttribute(null=True)
    pause_changed_by = UnicodeAttribute(null=True)
    paused_after = UnicodeAttribute(null=True)
    paused_at = InstantAttribute(null=True)
    unpaused_at = InstantAttribute(null=True)
    next_run_start = InstantAttribute(null=True)
    next_run_end = InstantAttribute(null=True)
    next_run_id = UnicodeAttribute(null=True)
    planning_error = UnicodeAttribute(null=True)
    last_interval_start = InstantAttribute(null=True)
    last_interval_end = InstantAttribute(null=True)
    due_shard = IntegerAttribute(null=True)
    due_at = InstantAttribute(null=True)
    altered_runs = UnicodeSetAttribute(null=True)


class DagVersionItem(Model):
    """Table ``dag_versions``; ``content`` is compressed, or an object in the bucket."""

    dag_id = UnicodeAttribute(hash_key=True)
    version = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False, null=True)
    content_reference = UnicodeAttribute(null=True)


class ImportErrorItem(Model):
    """Table ``import_errors``."""

    filename = UnicodeAttribute(hash_key=True)
    stacktrace = UnicodeAttribute()
    timestamp = InstantAttribute()


class DagRunItem(Model):
    """Table ``dag_runs``."""

    dag_id = UnicodeAttribute(hash_key=True)
    execution_date = InstantAttribute(range_key=True)
    run_uid = UnicodeAttribute()
    generation = IntegerAttribute()
    version = UnicodeAttribute()
    id = IntegerAttribute()
    run_id = UnicodeAttribute()
    run_type = UnicodeAttribute()
    state = UnicodeAttribute()
    external_trigger = BooleanAttribute()
    is_undated = BooleanAttribute(null=True)
    is_interval_owed = BooleanAttribute(null=True)
    triggered_by = UnicodeAttribute()
    conf = UnicodeAttribute(null=True)
    conf_reference = UnicodeAttribute(null=True)
    data_interval_start = InstantAttribute()
    data_interval_end = InstantAttribute()
    queued_at = InstantAttribute()
    updated_at = InstantAttribute()
    start_date = InstantAttribute(null=True)
    end_date = InstantAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    clear_number = IntegerAttribute(null=True)
    fence = IntegerAttribute(null=True)


class DagRunIdItem(Model):
    """Table ``dag_run_ids``: makes a run id unique and finds its run."""

    dag_id = UnicodeAttribute(hash_key=True)
    run_id = UnicodeAttribute(range_key=True)
    execution_date = InstantAttribute()
    run_uid = UnicodeAttribute()
    generation = IntegerAttribute()


class UnfinishedRunItem(Model):
    """Table ``unfinished_runs``; the index ``due`` is over ``due_shard`` and ``due_at``."""

    dag_id = UnicodeAttribute(hash_key=True)
    execution_date = InstantAttribute(range_key=True)
    run_uid = UnicodeAttribute()
    generation = IntegerAttribute()
    version = UnicodeAttribute()
    due_shard = IntegerAttribute()
    due_at = InstantAttribute()
    clear_number = IntegerAttribute(null=True)


class TaskInstanceItem(Model):
    """Table ``task_instances``: instances, buckets, the ends of runs, and finished tries.

    Each note is a number set of its own, so that an arrival is one ``ADD``.
    """

    run_uid = UnicodeAttribute(hash_key=True)
    task_key = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute(null=True)
    try_number = IntegerAttribute(null=True)
    clears = IntegerAttribute(null=True)
    is_withheld = BooleanAttribute(null=True)
    max_tries = IntegerAttribute(null=True)
    mark_success = NumberSetAttribute()
    mark_failed = NumberSetAttribute()
    mark_skipped = NumberSetAttribute()
    mark_upstream_failed = NumberSetAttribute()
    mark_removed = NumberSetAttribute()
    mark_skip_order = NumberSetAttribute()
    mark_heard = NumberSetAttribute()
    mark_awaited = NumberSetAttribute()
    mark_crowding = NumberSetAttribute()
    mark_setup_success = NumberSetAttribute()
    mark_setup_skipped = NumberSetAttribute()
    mark_setup_failed = NumberSetAttribute()
    mark_complete = NumberSetAttribute()
    mark_void = NumberSetAttribute()
    mark_reports = NumberSetAttribute()
    mark_owed = NumberSetAttribute()
    mark_expanded = NumberSetAttribute()
    mark_valued = NumberSetAttribute()
    mark_early = NumberSetAttribute()
    mark_skip_all = NumberSetAttribute()
    mark_skip_undecided = NumberSetAttribute()
    lease_token = UnicodeAttribute(null=True)
    lease_until = InstantAttribute(null=True)
    retry_at = InstantAttribute(null=True)
    sent_at = InstantAttribute(null=True)
    sends = IntegerAttribute(null=True)
    pool_parts = PartsAttribute(null=True)
    places = PartsAttribute(null=True)
    skips = TextsAttribute(null=True)
    queued_dttm = InstantAttribute(null=True)
    start_date = InstantAttribute(null=True)
    end_date = InstantAttribute(null=True)
    duration = NumberAttribute(null=True)
    hostname = UnicodeAttribute(null=True)
    unixname = UnicodeAttribute(null=True)
    pid = IntegerAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)
    updated_at = InstantAttribute(null=True)
    pokes = IntegerAttribute(null=True)
    reschedules = IntegerAttribute(null=True)
    reschedule_date = InstantAttribute(null=True)
    first_poke_at = InstantAttribute(null=True)
    map_length = IntegerAttribute(null=True)
    map_levels = NumbersAttribute(null=True)
    output_length = IntegerAttribute(null=True)
    rendered_map_index = UnicodeAttribute(null=True)
    deferral = DeferralAttribute(null=True)
    dataset_changes = PayloadAttribute(null=True)


class XComItem(Model):
    """Table ``xcoms``; the value is JSON, or an object in the bucket."""

    run_uid = UnicodeAttribute(hash_key=True)
    xcom_key = UnicodeAttribute(range_key=True)
    value = UnicodeAttribute(null=True)
    value_reference = UnicodeAttribute(null=True)


class PoolShardItem(Model):
    """Table ``pools``. Shard 0 carries the pool's own fields; ``revision`` grows with each resizing."""

    name = UnicodeAttribute(hash_key=True)
    shard = IntegerAttribute(range_key=True)
    capacity = IntegerAttribute()
    free = IntegerAttribute()
    holders = HoldersAttribute()
    waiting = UnicodeAttribute(null=True)
    id = IntegerAttribute(null=True)
    slots = IntegerAttribute(null=True)
    description = UnicodeAttribute(null=True)
    include_deferred = BooleanAttribute(null=True)
    revision = IntegerAttribute(null=True)


class PoolWaiterItem(Model):
    """Table ``pool_waiters``."""

    name = UnicodeAttribute(hash_key=True)
    waiter_key = UnicodeAttribute(range_key=True)
    priority_weight = IntegerAttribute()
    since = InstantAttribute()
    slots = IntegerAttribute()
    dag_id = UnicodeAttribute()
    execution_date = InstantAttribute()
    run_uid = UnicodeAttribute()
    task_id = UnicodeAttribute()
    map_index = IntegerAttribute()
    try_number = IntegerAttribute()


class DatasetItem(Model):
    """Table ``datasets``: datasets and aliases. ``mentions`` is a JSON text, read and written as a whole."""

    reference = UnicodeAttribute(hash_key=True)
    id = IntegerAttribute()
    created_at = InstantAttribute()
    updated_at = InstantAttribute()
    own_name = UnicodeAttribute(null=True)
    group = UnicodeAttribute(null=True)
    extra = UnicodeAttribute()
    mentions = UnicodeAttribute(null=True)
    aliases = UnicodeSetAttribute(null=True)


class DatasetEventItem(Model):
    """Table ``dataset_events``; ``event_key`` sorts by time, ``source`` is a JSON text."""

    uri = UnicodeAttribute(hash_key=True)
    event_key = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute(null=True)
    timestamp = InstantAttribute()
    origin = UnicodeAttribute()
    number = IntegerAttribute()
    extra = UnicodeAttribute()
    aliases = UnicodeSetAttribute(null=True)
    source = UnicodeAttribute(null=True)


class DatasetQueueItem(Model):
    """Table ``dataset_queues``. A DAG has one item that is its queue (``entry`` is ``queue``); one for each
    origin that has arrived there, with the run that has it; and one for each run that it made,
    with the date.
    """

    dag_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    run_uid = UnicodeAttribute()
    generation = IntegerAttribute(null=True)
    version = IntegerAttribute(null=True)
    arrived = UnicodeSetAttribute(null=True)
    interval_start = InstantAttribute(null=True)
    interval_end = InstantAttribute(null=True)
    latest = InstantAttribute(null=True)
    execution_date = InstantAttribute(null=True)


class DatasetArrivalItem(Model):
    """Table ``dataset_arrivals``; ``arrival_key`` sorts by time, ``events`` is a JSON text."""

    run_uid = UnicodeAttribute(hash_key=True)
    arrival_key = UnicodeAttribute(range_key=True)
    dag_id = UnicodeAttribute()
    origin = UnicodeAttribute()
    timestamp = InstantAttribute()
    events = UnicodeAttribute()


class KeptAnswerItem(Model):
    """Table ``kept_answers``; ``expires_at`` (seconds since 1970) is DynamoDB's time to live."""

    scoped_key = UnicodeAttribute(hash_key=True)
    body_digest = UnicodeAttribute()
    answer = UnicodeAttribute()
    kept_at = InstantAttribute()
    expires_at = IntegerAttribute()


class VariableItem(Model):
    """Table ``variables``."""

    key = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute()
    description = UnicodeAttribute(null=True)


class ConnectionItem(Model):
    """Table ``connections``; ``password`` and ``extra`` are Fernet tokens."""

    conn_id = UnicodeAttribute(hash_key=True)
    id = IntegerAttribute()
    conn_type = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    host = UnicodeAttribute(null=True)
    login = UnicodeAttribute(null=True)
    password = UnicodeAttribute(null=True)
    schema = UnicodeAttribute(null=True)
    port = IntegerAttribute(null=True)
    extra = UnicodeAttribute(null=True)


class UserItem(Model):
    """Table ``users``."""

    username = UnicodeAttribute(hash_key=True)
    password_hash = UnicodeAttribute()
    created_at = InstantAttribute()
    password_set_at = InstantAttribute()


class LoginItem(Model):
    """Table ``logins``: the checks of a name's password, and what is proven.

    ``busy_until`` is in milliseconds since 1970, for it is added to; ``expires_at`` (seconds since 1970) is
    DynamoDB's time to live.
    """

    name_digest = UnicodeAttribute(hash_key=True)
    busy_until = IntegerAttribute(null=True)
    proof_digest = UnicodeAttribute(null=True)
    proven_at = InstantAttribute(null=True)
    addresses = UnicodeSetAttribute(null=True)
    expires_at = IntegerAttribute()


class KerberosReplayItem(Model):
    """Table ``kerberos_replays``; ``expires_at`` (seconds since 1970) is DynamoDB's time to live."""

    authenticator = UnicodeAttribute(hash_key=True)
    claimant = UnicodeAttribute()
    expires_at = IntegerAttribute()


class LineageItem(Model):
    """Table ``lineage``."""

    run_uid = UnicodeAttribute(hash_key=True)
    task_id = UnicodeAttribute(range_key=True)
    """Of an instance of a mapped task with its map index: ``load#2``."""
    inlets = TextsAttribute()
    outlets = TextsAttribute()
