"""The bucket of a stage: what does not fit an item, and the logs of tries."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from chalicelib import aws
from chalicelib.domain.errors import StorageFull, StoreUnavailable
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.payload import Payload, fits_inline
from chalicelib.domain.runs.dag_runs import RunRef
from chalicelib.domain.tasks.task_instances import untouched

_PROOF_KEY = "auth/proof_key"

_STANDS_ALREADY = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""Codes for an object that is there, and for one that somebody else is writing (S3, conditional writes)."""

_SEGMENT_LENGTH = 160
"""Characters of one part of a key: five such parts stay below S3's 1,024 bytes."""


class Bucket:
    """The stage's bucket. Each method is one S3 request.

    ``owner`` gives the account whose bucket it has to be, when it is used: S3 answers 403 to a request for
    another's. A deployed function does without, for its policy allows no other account's bucket.
    """

    def __init__(self, name: str, owner: Callable[[], str] | None = None) -> None:
        self._name = name
        self._owner = owner

    def put(self, key: str, body: bytes) -> None:
        """Keep an object in place of an earlier one of that key."""
        with _translated("PutObject"):
            self._client.put_object(Key=key, Body=body, **self._bucket)

    def put_new(self, key: str, body: bytes) -> bool:
        """Keep an object unless there is one of that key; whether there was none."""
        from chalicelib.store.errors import code

        with _translated("PutObject"):
            try:
                self._client.put_object(Key=key, Body=body, IfNoneMatch="*", **self._bucket)
            except self._client.exceptions.ClientError as error:
                if code(error) not in _STANDS_ALREADY:
                    raise
                return False
            return True

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None. (Without ``s3:ListBucket`` S3 answers 403 to a missing key.)"""
        with _translated("GetObject"):
            try:
                body: bytes = self._client.get_object(Key=key, **self._bucket)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None
            return body

    @property
    def _bucket(self) -> dict[str, str]:
        owner = {"ExpectedBucketOwner": self._owner()} if self._owner else {}
        return {"Bucket": self._name, **owner}

    @property
    def _client(self) -> Any:
        return aws.client("s3")


class S3Payloads:
    """Implements ``engine.ports.store.Payloads``."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def keep(self, key: str, text: str) -> Payload:
        if fits_inline(text):
            return Payload(text=text)
        self._bucket.put(key, text.encode())
        return Payload(reference=key)

    def read(self, payload: Payload) -> str:
        """Raises ``KeyError`` if the object is gone."""
        if payload.reference is None:
            return payload.text or ""
        body = self._bucket.get(payload.reference)
        if body is None:
            raise KeyError(payload.reference)
        return body.decode()


class S3ProofKey:
    """Implements ``auth.ports.ProofKey``."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self) -> bytes:
        for _ in range(2):
            if found := self._bucket.get(_PROOF_KEY):
                return found
            made = secrets.token_bytes(32)
            if self._bucket.put_new(_PROOF_KEY, made):
                return made
        raise StoreUnavailable(f"{_PROOF_KEY} is being written")


class S3TaskLogs:
    """Implements ``engine.ports.store.TaskLogs``, under keys shaped like Airflow's default template.

    ``logs/dag_id=…/run_id=…/run_uid=…/task_id=…/attempt=….log``, with ``map_index=…`` where there is
    one. The ``run_uid`` is ours: after its DAG was deleted, a run id may come again. Logs of callbacks
    stand beside: ``attempt=….on_failure_callback.log``, and the DAG's in the folder of the run.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def save(self, run: RunRef, run_id: str, key: str, try_number: int, text: bytes) -> None:
        self._bucket.put(_log_key(run, run_id, key, try_number), text)

    def read(self, run: RunRef, run_id: str, key: str, try_number: int) -> bytes | None:
        return self._bucket.get(_log_key(run, run_id, key, try_number))

    def save_callback(
        self, run: RunRef, run_id: str, key: str | None, try_number: int, kind: str, text: bytes
    ) -> None:
        self._bucket.put(_callback_log_key(run, run_id, key, try_number, kind), text)

    def read_callback(
        self, run: RunRef, run_id: str, key: str | None, try_number: int, kind: str
    ) -> bytes | None:
        return self._bucket.get(_callback_log_key(run, run_id, key, try_number, kind))


def segment(text: str) -> str:
    """A part of an object's key: odd characters percent-encoded, a long one cut and told apart."""
    quoted = quote(text, safe=":+@=")
    if len(quoted) <= _SEGMENT_LENGTH:
        return quoted
    return f"{quoted[:80]}~{sha256(text.encode()).hexdigest()}"


def _log_key(run: RunRef, run_id: str, key: str, try_number: int) -> str:
    return f"{_log_folder(run, run_id, key)}/attempt={try_number}.log"


def _callback_log_key(run: RunRef, run_id: str, key: str | None, try_number: int, kind: str) -> str:
    attempt = "" if key is None else f"attempt={try_number}."
    return f"{_log_folder(run, run_id, key)}/{attempt}{kind}.log"


def _log_folder(run: RunRef, run_id: str, key: str | None) -> str:
    """Where the logs of a task instance are, or (no key) those of the run's DAG."""
    parts = [
        f"logs/dag_id={segment(run.dag_id)}",
        f"run_id={segment(run_id)}",
        f"run_uid={run.run_uid}",
    ]
    if key is not None:
        instance = untouched(run.run_uid, key)
        parts.append(f"task_id={segment(instance.task_id)}")
        if instance.map_index != NOT_MAPPED:
            parts.append(f"map_index={instance.map_index}")
    return "/".join(parts)


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """Turn what passes by itself into ``StoreUnavailable``; the client has retried by then."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.store.errors import code, is_passing

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if not is_passing(error):
            raise
        kind = StorageFull if aws.is_storage_full(error) else StoreUnavailable
        raise kind(f"the bucket could not do {operation}: {code(error)}") from error
