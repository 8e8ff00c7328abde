"""Limits of AWS on which a deployment would fail halfway, checked before it. Asks AWS nothing.

Of events that are declared ``events.limits`` knows the rest.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.functions import QUEUE_OF, handlers_behind
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.queue_policy import statements
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.stages import (
    CONFIG,
    Stage,
    StageError,
    function_setting,
    function_variables,
    refuse_other_than_texts,
)
from chalicelib.events.declarations import Declaration, TopicMessages
from chalicelib.settings import APP_NAME

MOST_ENVIRONMENT_BYTES = 4096
"""Of a function's environment variables together (AWS Lambda). What Lambda measures is their JSON: its
refusal quotes it ("exceeded the 4KB limit. String measured: {"NAME":"value",...}")."""

LEAST_MEMORY_MB, MOST_MEMORY_MB = 128, 10_240

MOST_QUEUE_POLICY_BYTES = 8192
"""Of an SQS queue's policy."""

_CHALICES_TIMEOUT_S = 60
"""What Chalice gives a function that has no ``lambda_timeout``."""

_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")

_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Names that Lambda keeps for itself."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_SOMEWHERE = Place(partition="aws-us-gov", region="ap-southeast-1", account="1" * 12)
"""As long as names of places are."""


def refuse_what_aws_would(
    stage: Stage, declarations: tuple[Declaration, ...], region: str | None = None
) -> None:
    """Raise ``StageError``, a line that says what to change, for the first thing that AWS would refuse.

    ``region`` is where the stage goes, None where that is not known.
    """
    for handler in handlers_behind(stage.settings.auth_backend):
        _check_variables(function_variables(stage, handler), handler, stage.name)
        _check_function(stage, handler)
    _check_bucket(stage.settings.bucket)
    refuse_other_regions(_topics(stage, declarations), region)
    _check_queue_policy(stage, declarations)


def refuse_other_regions(topics: Iterable[tuple[str, str]], region: str | None) -> None:
    """Raise ``StageError`` for an SNS topic outside of the region: (what names it, its name or ARN) each.

    SNS subscribes, and CloudWatch tells, where it is asked only. Without a region all have to have one.
    """
    for place, topic in topics:
        if not topic.startswith("arn:"):
            continue
        there = topic.split(":")[3]
        if region is None:
            region = there
        if there != region:
            raise StageError(
                f"{place}: topic {topic} is in {there}, and the stage in {region}: name one of {region}, to "
                "which the other may be forwarded"
            )


def _topics(stage: Stage, declarations: tuple[Declaration, ...]) -> Iterator[tuple[str, str]]:
    if stage.settings.alarm_topic:
        yield "UPDRAFT__AWS__ALARM_TOPIC", stage.settings.alarm_topic
    for each in declarations:
        if isinstance(each.filter, TopicMessages):
            yield each.label, each.filter.topic


def _check_variables(variables: Mapping[str, str], handler: str, stage: str) -> None:
    of = f"the environment_variables of {handler} in stage {stage} in {CONFIG}"
    refuse_other_than_texts(variables)
    for name in variables:
        if name in _RESERVED:
            raise StageError(f"{name} is a name that Lambda keeps for itself: take it out of {of}")
        if not _VARIABLE.fullmatch(name):
            raise StageError(f"{name!r} is no name for a variable, which has letters, digits and _: see {of}")
    size = len(json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False).encode())
    if size > MOST_ENVIRONMENT_BYTES:
        longest = max(variables, key=lambda name: len(variables[name]))
        raise StageError(
            f"Lambda takes {MOST_ENVIRONMENT_BYTES} bytes of variables, and {of} are {size} as JSON, most of "
            f"them {longest}: keep long values with 'python -m chalicelib variables set'"
        )


def _check_function(stage: Stage, handler: str) -> None:
    memory = function_setting(stage, handler, "lambda_memory_size")
    if memory is not None and not _is_whole(memory, LEAST_MEMORY_MB, MOST_MEMORY_MB):
        raise StageError(
            f"lambda_memory_size of {handler} in {CONFIG} is {memory!r}; Lambda takes {LEAST_MEMORY_MB} to "
            f"{MOST_MEMORY_MB} MB"
        )
    timeout = function_setting(stage, handler, "lambda_timeout")
    seconds = _CHALICES_TIMEOUT_S if timeout is None else timeout
    if not _is_whole(seconds, 1):
        raise StageError(f"lambda_timeout of {handler} in {CONFIG} is {timeout!r}; it takes seconds")
    if handler in QUEUE_OF:
        _check_timeout(stage, handler, seconds)


def _check_timeout(stage: Stage, handler: str, seconds: int) -> None:
    name = stage.settings.resource(QUEUE_OF[handler])
    (queue,) = (each for each in stage_resources(stage.settings).queues if each.name == name)
    if seconds > queue.visibility_timeout_s:
        raise StageError(
            f"lambda_timeout of {handler} in {CONFIG} is {seconds} s, and its queue gives a message to "
            f"another after {queue.visibility_timeout_s} s, which Lambda refuses: take "
            f"{queue.visibility_timeout_s} or less"
        )


def _check_bucket(name: str) -> None:
    if not name.startswith(f"{APP_NAME}-"):
        raise StageError(
            f"UPDRAFT__AWS__BUCKET is {name!r}; the functions may only use one that begins with {APP_NAME}-"
        )
    if not _BUCKET.fullmatch(name) or ".." in name or name.endswith(("-s3alias", "--ol-s3", "--x-s3")):
        raise StageError(
            f"UPDRAFT__AWS__BUCKET is {name!r}; the name of a bucket has 3 to 63 of a-z, 0-9, . and -, and "
            "ends with a letter or digit"
        )


def _check_queue_policy(stage: Stage, declarations: tuple[Declaration, ...]) -> None:
    sources = event_sources(stage.settings, declarations)
    policy = {"Version": "2012-10-17", "Statement": statements(sources, _SOMEWHERE, sources.dead_letters)}
    size = len(json.dumps(policy))
    if size > MOST_QUEUE_POLICY_BYTES:
        raise StageError(
            f"{len(sources.subscriptions)} topics are declared, which makes a queue policy of {size} bytes, "
            f"and SQS takes {MOST_QUEUE_POLICY_BYTES}: have several of them forwarded by one topic"
        )


def _is_whole(value: Any, least: int, most: float = float("inf")) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
