"""The one description of a stage's functions: names, what Lambda calls, sizes, and the queues that feed them.

``.chalice/config.json`` and the decorators in ``handlers`` have to repeat some of it for Chalice: a test
compares them with this. Pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.auth.backends import without_credentials
from chalicelib.settings import APP_NAME, Settings

SCHEDULER, WORKER, TRIGGERER = "scheduler", "worker", "triggerer"
EVENTS, TICK, AUTHORIZER = "events", "tick", "authorizer"
"""Handlers: Chalice's names for the functions, by which ``.chalice/config.json`` has their settings."""

API_HANDLER = "api_handler"
"""Chalice's name for the function behind the REST API; the function's own name goes without."""

API_STAGE = "api"
"""The stage in the URL; it makes the paths Airflow's own, ``/api/experimental/...``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """The queue that Lambda feeds a function from, as the function's decorator in ``handlers`` has it."""

    queue: str
    """The queue's name within the stage (``Settings.resource`` has the whole one)."""
    batch_size: int
    """The most messages in one invocation."""
    concurrency: Callable[[Settings], int]
    """How many invocations the queue may have at once."""
    batching_window_s: int = 0
    """Seconds that Lambda waits for a batch to be full; at least 1 for batches of more than 10 (AWS)."""
    may_loop: bool
    """Whether Lambda is to let the function be part of a loop through its queue, for as long as a run takes.

    Lambda may go on to stop a loop through ``events``: a DAG whose task causes the event that triggers it.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A Lambda function of a stage, as it is shipped; a team may give its own stage other sizes."""

    handler: str
    """Chalice's name for the function."""
    calls: str
    """What Lambda calls, ``module.attribute``. Chalice does not change it where the function is there."""
    memory_mb: int
    """``lambda_memory_size``, in MB."""
    timeout_s: int | None
    """``lambda_timeout``, in seconds; None for the worker, whose time the stage sets."""
    feed: Feed | None = None
    """The queue that feeds the function; None where a request, a rule or API Gateway calls it."""

    def timeout(self, worker_timeout: int) -> int:
        """The timeout in seconds, on a stage that gives its worker so many."""
        return worker_timeout if self.timeout_s is None else self.timeout_s


FUNCTIONS = {
    each.handler: each
    for each in (
        Function(
            handler=SCHEDULER,
            calls="chalicelib.handlers.scheduler",
            memory_mb=512,
            timeout_s=60,
            feed=Feed(
                queue="scheduling",
                batch_size=10,
                concurrency=lambda settings: settings.scheduler_concurrency,
                may_loop=True,
            ),
        ),
        Function(
            handler=WORKER,
            calls="chalicelib.handlers.worker",
            memory_mb=1024,
            timeout_s=None,
            feed=Feed(
                queue="tasks",
                batch_size=1,
                concurrency=lambda settings: settings.parallelism,
                may_loop=True,
            ),
        ),
        Function(
            handler=TRIGGERER,
            calls="chalicelib.handlers.triggerer",
            memory_mb=1024,
            timeout_s=300,
            feed=Feed(
                queue="triggers",
                batch_size=50,
                batching_window_s=1,
                concurrency=lambda settings: settings.scheduler_concurrency,
                may_loop=True,
            ),
        ),
        Function(
            handler=EVENTS,
            calls="chalicelib.handlers.events",
            memory_mb=512,
            timeout_s=60,
            feed=Feed(
                queue="events",
                batch_size=10,
                concurrency=lambda settings: settings.events_concurrency,
                may_loop=False,
            ),
        ),
        Function(handler=TICK, calls="chalicelib.handlers.tick", memory_mb=512, timeout_s=60),
        Function(handler=API_HANDLER, calls="app.app", memory_mb=512, timeout_s=29),
        Function(
            handler=AUTHORIZER,
            calls="chalicelib.api.authorizer.authorizer",
            memory_mb=1769,
            timeout_s=10,
        ),
    )
}
"""All functions by handler, in the order of Chalice's record: deletion goes through it backwards."""

HANDLERS = tuple(FUNCTIONS)
"""The handlers of all functions."""

FEEDS = {each.handler: each.feed for each in FUNCTIONS.values() if each.feed}
"""The queues that feed functions, by the function's handler."""

QUEUE_OF = {handler: feed.queue for handler, feed in FEEDS.items()}
"""The name of a function's queue within the stage, by the function's handler."""

LOOPING_HANDLERS = tuple(handler for handler, feed in FEEDS.items() if feed.may_loop)
"""The handlers that send each other messages, for as long as a run takes."""


def function_name(stage: str, handler: str) -> str:
    """The name that Chalice gives the function."""
    prefix = f"{APP_NAME}-{stage}"
    return prefix if handler == API_HANDLER else f"{prefix}-{handler}"


def logical_id(name: str) -> str:
    """The words of a name in CamelCase, as Chalice makes ids of a template, which are letters and digits."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def role_name(stage: str, handler: str) -> str:
    """The name that Chalice gives the function's role."""
    return f"{APP_NAME}-{stage}-{handler}"


def role_policy_id(handler: str) -> str:
    """The name that Chalice's template gives the policy of the function's role."""
    return f"{logical_id(handler)}RolePolicy"


def tick_rule_name(stage: str) -> str:
    """The name that Chalice gives the rule of the minute tick."""
    return f"{APP_NAME}-{stage}-{TICK}-event"


def handlers_behind(auth_backend: str) -> tuple[str, ...]:
    """The functions of a stage: an open one has no authorizer. Raises ``UnknownBackend``."""
    is_open = without_credentials(auth_backend).allowed
    return tuple(handler for handler in HANDLERS if handler != AUTHORIZER or not is_open)
