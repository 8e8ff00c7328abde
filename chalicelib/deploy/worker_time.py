"""The worker's timeout: what the stage asks for, what Chalice may set, what AWS gives.

Botocore's description of Lambda says 1,800 s since version 1.44.7 (November 2026) and said 900 before. An
account or region that refuses more than 900 must still get its stage. Chalice would break off there, so
where AWS has not given more before it sets 900 s, and more is asked for afterwards, by ``ask_for_more``.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import ATTEMPTS, PAUSE_S, error_code, when_not_busy
from chalicelib.deploy.deployed_functions import standing_configuration
from chalicelib.deploy.description.functions import QUEUE_OF, WORKER, function_name
from chalicelib.deploy.description.resources import Queue, stage_resources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.provisioning.queues import configure_queue
from chalicelib.deploy.stages import Stage
from chalicelib.settings import Settings

GIVEN_EVERYWHERE = 900
"""Seconds that Lambda has given every function for years."""


def standing_worker_time(stage: str, *, client: aws.ClientFactory = aws.client) -> int | None:
    """The timeout of the stage's worker in seconds; None where there is none. 1 request."""
    configuration = standing_configuration(stage, WORKER, client("lambda"))
    return None if configuration is None else int(configuration["Timeout"])


def set_by_chalice(wanted: int, standing: int | None) -> int:
    """What Chalice is to set: more than AWS gives everywhere only where it has given more before.

    So a deployment takes nothing from a worker that has it: a task that begins meanwhile keeps its time.
    """
    return wanted if (standing or 0) > GIVEN_EVERYWHERE else min(wanted, GIVEN_EVERYWHERE)


def during_deployment(settings: Settings, standing: int | None) -> Settings:
    """The settings with the longest that the worker is given meanwhile: its queue must wait so long."""
    longest = max(standing or 0, set_by_chalice(settings.worker_timeout, standing))
    return replace(settings, worker_timeout=longest)


def in_a_template(stage: Stage) -> Settings:
    """The settings for a template, in which nothing can be asked for: more only where the stage says so."""
    if "UPDRAFT__WORKER__TIMEOUT" in stage.variables:
        return stage.settings
    return replace(stage.settings, worker_timeout=min(stage.settings.worker_timeout, GIVEN_EVERYWHERE))


def as_it_stands(stage: Stage, *, client: aws.ClientFactory = aws.client) -> Stage:
    """The stage with the worker's time that AWS gave, if that is less than it asks for. 1 request."""
    wanted = stage.settings.worker_timeout
    if wanted > GIVEN_EVERYWHERE == standing_worker_time(stage.name, client=client):
        return replace(stage, settings=replace(stage.settings, worker_timeout=GIVEN_EVERYWHERE))
    return stage


def worker_time(wanted: Stage, standing: Stage) -> Finding:
    """What is to be said of the worker's time; it is well also where AWS gives less than is asked for."""
    asked_for, given = wanted.settings.worker_timeout, standing.settings.worker_timeout
    if given == asked_for:
        return Finding(subject=f"time of a try: {given} s")
    why = f"of the {asked_for} s asked for AWS gave no more, or was not asked yet"
    return Finding(subject=f"time of a try: {given} s; {why}")


def ask_for_more(
    settings: Settings, *, client: aws.ClientFactory = aws.client, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Give the worker its time, if Chalice could not; what there is to tell where AWS refuses that.

    Its queue first: Lambda refuses a function that may run longer than its queue waits. Where AWS gives no
    more than before, the queue is set back; where the stage asks for less than before, it is set down at
    last. Some 10 requests.
    """
    standing = standing_worker_time(settings.stage, client=client)
    wanted = settings.worker_timeout
    if standing is not None and standing < wanted:
        configure_queue(_queue(settings), client("sqs"))
        refusal = _refusal(function_name(settings.stage, WORKER), wanted, client("lambda"), sleep)
        if refusal is not None:
            configure_queue(_queue(replace(settings, worker_timeout=standing)), client("sqs"))
            return (
                f"AWS refused the worker the {wanted} s of UPDRAFT__WORKER__TIMEOUT: it has {standing} s, "
                f"and its queue fits. Deploy again to ask again, or set {standing}. AWS says: {refusal}"
            )
    configure_queue(_queue(settings), client("sqs"))
    return None


def planned_asking(stage: Stage, *, client: aws.ClientFactory = aws.client) -> Iterator[str]:
    """What ``ask_for_more`` would do, a line each. 2 requests."""
    wanted = stage.settings.worker_timeout
    expected = as_it_stands(stage, client=client).settings
    given = expected.worker_timeout
    yield f"ask     {wanted} s for a try{'' if given == wanted else f'; {given} s stand'}"
    meanwhile = during_deployment(stage.settings, standing_worker_time(stage.name, client=client))
    queue = _queue(expected)
    if queue != _queue(meanwhile):
        yield f"set     queue {queue.name} to {queue.visibility_timeout_s} s, which fit the time of a try"


def _queue(settings: Settings) -> Queue:
    name = settings.resource(QUEUE_OF[WORKER])
    return next(queue for queue in stage_resources(settings).queues if queue.name == name)


def _refusal(function: str, seconds: int, lambda_: Any, sleep: Callable[[float], None]) -> str | None:
    """Change the timeout; AWS's words if it does not take that many seconds."""
    from botocore.exceptions import ClientError

    change = partial(lambda_.update_function_configuration, FunctionName=function, Timeout=seconds)
    for attempt in range(ATTEMPTS):
        try:
            # Chalice has only just changed it, which AWS may still be carrying out.
            when_not_busy(change, busy="ResourceConflictException", sleep=sleep)
        except ClientError as error:
            if not _is_about_time(error):
                raise
            if not _is_about_queue(error):
                return _words(error)
            if attempt == ATTEMPTS - 1:
                raise
            sleep(PAUSE_S)  # a queue's new attribute is known everywhere within a minute (AWS)
        else:
            return None
    return None


def _is_about_time(error: Exception) -> bool:
    codes = ("InvalidParameterValueException", "ValidationException")
    return error_code(error) in codes and "timeout" in _words(error).lower()


def _is_about_queue(error: Exception) -> bool:
    return "visibility" in _words(error).lower()


def _words(error: Exception) -> str:
    response = getattr(error, "response", {})
    return " ".join(str(response.get("Error", {}).get("Message", "")).split())
