"""The CloudWatch alarms of a stage: on its queues and its clock always, on more where it is set. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from chalicelib.deploy.description.functions import (
    API_HANDLER,
    API_STAGE,
    AUTHORIZER,
    HANDLERS,
    TICK,
    function_name,
)
from chalicelib.settings import APP_NAME

MINUTES_WITHOUT_A_TICK = 5
"""The minute tick may be late, and Lambda tells of an invocation some minutes later."""

MINUTES_OF_THROTTLES = 3
"""A burst is refused for a moment, and comes again; for longer the account has too little room."""

_FAILING = tuple(handler for handler in HANDLERS if handler != AUTHORIZER)
"""The functions whose errors are errors. Each refused password is an error of the authorizer: API Gateway
answers 401 for no other reply of a TOKEN authorizer than the exception ``Unauthorized`` (AWS)."""


class WatchedQueue(Protocol):
    """What alarms need to know of a queue."""

    @property
    def name(self) -> str:
        """The name of the queue."""

    @property
    def dead_letters(self) -> str:
        """The name of the queue of its dead letters."""

    @property
    def longest_wait_s(self) -> int:
        """The age of a message, in seconds, beyond which something is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric that AWS itself has."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    """(Name, value) each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """A CloudWatch alarm."""

    name: str
    description: str
    """What has happened, and what to do."""
    metric: Metric
    statistic: Literal["Maximum", "Sum"]
    """How the values of a minute become one."""
    threshold: int
    """In the metric's unit: messages, seconds or calls."""
    minutes: int
    """So many minutes in a row beyond the threshold set the alarm off."""
    side: Literal["above", "below"] = "above"
    """The side of the threshold that is wrong."""
    silence_is: Literal["well", "wrong"] = "well"
    """How a minute without the metric counts."""


def alarms_of(
    stage: str, queues: tuple[WatchedQueue, ...], more: frozenset[str] = frozenset()
) -> tuple[Alarm, ...]:
    """The alarms of a stage with those queues; ``more`` has some of ``settings.ALARMS``."""
    alarms = [alarm for queue in queues for alarm in _of_queue(queue, stage)]
    alarms += _of_clock(stage)
    if "errors" in more:
        alarms += _of_errors(stage)
    if "throttles" in more:
        alarms += _of_throttles(stage)
    if "5xx" in more:
        alarms.append(_of_api(stage))
    return tuple(alarms)


def _of_queue(queue: WatchedQueue, stage: str) -> Iterator[Alarm]:
    yield Alarm(
        name=queue.dead_letters,
        description=f"Messages of {queue.name} could not be handled and were put aside. {_doctor(stage)}",
        metric=_metric_of_queue("ApproximateNumberOfMessagesVisible", queue.dead_letters),
        statistic="Maximum",
        threshold=0,
        minutes=1,
    )
    yield Alarm(
        name=f"{queue.name}-oldest-message",
        description=f"A message has waited in {queue.name} for more than "
        f"{queue.longest_wait_s // 60} minutes. {_doctor(stage)}",
        metric=_metric_of_queue("ApproximateAgeOfOldestMessage", queue.name),
        statistic="Maximum",
        threshold=queue.longest_wait_s,
        minutes=3,
    )


def _of_clock(stage: str) -> Iterator[Alarm]:
    """The clock stands still when it is not called, and as well when each call fails."""
    consequence = "schedules and the rescue of lost messages stand still"
    yield Alarm(
        name=f"{APP_NAME}-{stage}-clock-stands-still",
        description=f"The minute tick was not called for {MINUTES_WITHOUT_A_TICK} minutes: {consequence}. "
        f"{_doctor(stage)}",
        metric=_metric_of_function("Invocations", TICK, stage),
        statistic="Sum",
        threshold=1,
        minutes=MINUTES_WITHOUT_A_TICK,
        side="below",
        silence_is="wrong",
    )
    yield Alarm(
        name=f"{APP_NAME}-{stage}-clock-fails",
        description=f"The minute tick has failed for {MINUTES_WITHOUT_A_TICK} minutes in a row: "
        f"{consequence}. The log /aws/lambda/{function_name(stage, TICK)} says why.",
        metric=_metric_of_function("Errors", TICK, stage),
        statistic="Sum",
        threshold=0,
        minutes=MINUTES_WITHOUT_A_TICK,
    )


def _of_errors(stage: str) -> Iterator[Alarm]:
    for handler in _FAILING:
        function = function_name(stage, handler)
        yield Alarm(
            name=f"{APP_NAME}-{stage}-{_part(handler)}-errors",
            description=f"The function {function} has failed. The log /aws/lambda/{function} says why.",
            metric=_metric_of_function("Errors", handler, stage),
            statistic="Sum",
            threshold=0,
            minutes=1,
        )


def _of_throttles(stage: str) -> Iterator[Alarm]:
    for handler in HANDLERS:
        yield Alarm(
            name=f"{APP_NAME}-{stage}-{_part(handler)}-throttles",
            description=f"Lambda has refused calls of {function_name(stage, handler)} for "
            f"{MINUTES_OF_THROTTLES} minutes: too many functions run at once in the account, or of this one.",
            metric=_metric_of_function("Throttles", handler, stage),
            statistic="Sum",
            threshold=0,
            minutes=MINUTES_OF_THROTTLES,
        )


def _of_api(stage: str) -> Alarm:
    """CloudWatch knows a REST API by its name alone, and Chalice names that of each stage after the app."""
    return Alarm(
        name=f"{APP_NAME}-{stage}-api-5xx",
        description=f"The REST API {APP_NAME} has answered 5xx, or that of another stage in this account and "
        f"region. {_doctor(stage)}",
        metric=Metric(
            namespace="AWS/ApiGateway",
            name="5XXError",
            dimensions=(("ApiName", APP_NAME), ("Stage", API_STAGE)),
        ),
        statistic="Sum",
        threshold=0,
        minutes=1,
    )


def _metric_of_queue(name: str, queue: str) -> Metric:
    return Metric(namespace="AWS/SQS", name=name, dimensions=(("QueueName", queue),))


def _metric_of_function(name: str, handler: str, stage: str) -> Metric:
    dimensions = (("FunctionName", function_name(stage, handler)),)
    return Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions)


def _part(handler: str) -> str:
    """The handler's part of an alarm's name."""
    return "api" if handler == API_HANDLER else handler


def _doctor(stage: str) -> str:
    return f"python -m chalicelib doctor --stage {stage} says what to do."
