"""The first and the last frame of a try's stream: what is to be done, and what it came to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.runs.deferrals import WindowRequest
from chalicelib.domain.runs.outcomes import (
    MAX_ERROR_LENGTH,
    MAX_REASON_LENGTH,
    TryOutcome,
    TryRequest,
    TryResult,
)
from chalicelib.domain.schedule.custom import TimetableAnswer, TimetableQuestion

OUTCOME = "outcome"
"""The ``op`` of the last frame."""


Request = TryRequest | CallbackRequest | WindowRequest | TimetableQuestion

_KINDS: dict[str, type[Request]] = {
    "try": TryRequest,
    "callbacks": CallbackRequest,
    "window": WindowRequest,
    "timetable": TimetableQuestion,
}


class BadOutcome(Exception):
    """What a try says that it came to is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a process is to do: run a try, call callbacks, run triggers for a window, or ask a timetable."""

    request: Request
    scratch: str
    """The folder that it may fill, and begins in."""
    has_virtual_clock: bool = False
    """Whether the worker is to be asked for the time."""
    renders_only: bool = False
    """Whether the task's templates are rendered, and nothing is run."""

    @property
    def filename(self) -> str:
        """The DAG file that it takes, by its path in the DAGs folder."""
        return self.request.fileloc

    def frame(self) -> tuple[dict[str, Any], str]:
        """Header and text of the frame; the text is the run's conf, which may be long."""
        request, conf = _without_conf(self.request)
        header = {
            "kind": next(name for name, kind in _KINDS.items() if isinstance(self.request, kind)),
            "request": plain(request),
            "scratch": self.scratch,
            "has_virtual_clock": self.has_virtual_clock,
            "renders_only": self.renders_only,
        }
        return header, json.dumps(conf)

    @classmethod
    def of_frame(cls, header: dict[str, Any], text: str) -> "Job":
        """The job of a frame."""
        return cls(
            request=_with_conf(typed(_KINDS[header["kind"]], header["request"]), json.loads(text)),
            scratch=header["scratch"],
            has_virtual_clock=header["has_virtual_clock"],
            renders_only=header["renders_only"],
        )


def outcome_frame(outcome: TryOutcome) -> dict[str, Any]:
    """The header of the last frame."""
    return {"op": OUTCOME, "outcome": plain(outcome)}


def outcome_of_frame(header: dict[str, Any]) -> TryOutcome:
    """The outcome of a frame, checked as what comes from outside; raises ``BadOutcome``."""
    try:
        outcome: TryOutcome = typed(TryOutcome, header["outcome"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadOutcome(f"{type(error).__name__} in what it says of its end") from error
    if outcome.result is TryResult.RESCHEDULED and outcome.reschedule_date is None:
        raise BadOutcome("it is to go on at no time")
    if (outcome.result is TryResult.DEFERRED) is (outcome.deferring is None):
        raise BadOutcome("it is deferred to no trigger")
    if outcome.pokes < 0:
        raise BadOutcome("it poked less than never")
    if outcome.error is not None and len(outcome.error) > MAX_ERROR_LENGTH:
        raise BadOutcome("it tells too much of what it raised")
    return replace(outcome, reason=outcome.reason[:MAX_REASON_LENGTH])


def answer_frame(answer: TimetableAnswer) -> dict[str, Any]:
    """The header of the last frame of a job that asked a timetable."""
    return {**outcome_frame(TryOutcome(result=TryResult.SUCCESS)), "answer": plain(answer)}


def answer_of_frame(header: dict[str, Any]) -> TimetableAnswer | None:
    """The answer of a frame, checked as what comes from outside; raises ``BadOutcome``. None: it has none."""
    if "answer" not in header:
        return None
    try:
        answer: TimetableAnswer = typed(TimetableAnswer, header["answer"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadOutcome(f"{type(error).__name__} in what its timetable answers") from error
    return replace(answer, error=answer.error[:MAX_REASON_LENGTH])


def rendered_frame(fields: Mapping[str, str]) -> dict[str, Any]:
    """The header of the last frame of a job that rendered a task's templates: texts by attribute."""
    return {**outcome_frame(TryOutcome(result=TryResult.SUCCESS)), "rendered": dict(fields)}


def rendered_of_frame(header: dict[str, Any]) -> dict[str, str] | None:
    """What a frame tells of templates, checked as what comes from outside. None: nothing."""
    fields = header.get("rendered")
    return {str(name): str(text) for name, text in fields.items()} if isinstance(fields, dict) else None


def _without_conf(request: Request) -> tuple[Request, Any]:
    """The request without the conf of its run, which is the same for all instances of callbacks."""
    if isinstance(request, WindowRequest | TimetableQuestion):
        return request, None
    if isinstance(request, TryRequest):
        return replace(request, conf={}), request.conf
    conf = request.instances[0].request.conf if request.instances else {}
    instances = tuple(replace(ended, request=replace(ended.request, conf={})) for ended in request.instances)
    return replace(request, instances=instances), conf


def _with_conf(request: Request, conf: Any) -> Request:
    if isinstance(request, WindowRequest | TimetableQuestion):
        return request
    if isinstance(request, TryRequest):
        return replace(request, conf=conf)
    instances = tuple(
        replace(ended, request=replace(ended.request, conf=conf)) for ended in request.instances
    )
    return replace(request, instances=instances)
