"""Airflow's exceptions, as DAG files raise and catch them.

They belong to user code, so they are not ``UpdraftError``: what they say is shown in a task's log.
"""

from collections.abc import Sized
from datetime import datetime


class AirflowException(Exception):
    """Base of what goes wrong in DAGs and tasks; a task that raises it is tried again if it may be."""


class AirflowBadRequest(AirflowException):
    """The application or server cannot handle the request."""


class AirflowNotFoundException(AirflowException):
    """What was asked for does not exist."""


class AirflowConfigException(AirflowException):
    """A configuration value is missing or cannot be used."""


class AirflowFailException(AirflowException):
    """Raised by a task to fail at once, whatever tries it has left."""


class AirflowSkipException(AirflowException):
    """Raised by a task to be skipped."""


class AirflowSensorTimeout(AirflowException):
    """A sensor outlived its ``timeout``; it fails at once, whatever tries it has left."""


class AirflowRescheduleException(AirflowException):
    """Raised by a task to be run again at ``reschedule_date``: the same try, without slots till then."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__()
        self.reschedule_date = reschedule_date


class SensorSleeps(BaseException):
    """Updraft's own: a sensor in mode ``poke`` ends its invocation until the next poke, and keeps its slots.

    No ``Exception``, so user code around the poking does not swallow it.
    """

    def __init__(self, until: datetime, pokes: int) -> None:
        super().__init__()
        self.until = until
        self.pokes = pokes


class AirflowTaskTimeout(BaseException):
    """A task outlived its ``execution_timeout``; no ``Exception``, so user code does not swallow it."""


class AirflowTaskTerminated(BaseException):
    """The process that runs the task was told to end (SIGTERM)."""


class AirflowDagCycleException(AirflowException):
    """A task depends on itself, directly or through others."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two files define DAGs of the same id."""


class AirflowTimetableInvalid(AirflowException):
    """A schedule that Updraft cannot plan runs from."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks (or groups) of a DAG have the same id."""


class FailStopDagInvalidTriggerRule(AirflowException):
    """A DAG with ``fail_stop`` has a task of another trigger rule than the usual one (or a teardown's)."""

    def __str__(self) -> str:
        return "A 'fail-stop' dag can only have all_success trigger rule"


class TaskNotFound(AirflowNotFoundException):
    """The DAG has no such task."""


class XComNotFound(AirflowException):
    """A task refers to an XCom that was not pushed."""


class XComForMappingNotPushed(AirflowException):
    """Something is mapped over a task's output, and the task returned none."""

    def __init__(self) -> None:
        super().__init__("did not push XCom for task mapping")


class UnmappableXComTypePushed(AirflowException):
    """Something is mapped over a task's output, and the task returned neither a list nor a dict."""

    def __init__(self, value: object) -> None:
        super().__init__(f"unmappable return type {type(value).__qualname__!r}")


class UnmappableXComLengthPushed(AirflowException):
    """Something is mapped over a task's output, and that is longer than ``[core] max_map_length``."""

    def __init__(self, value: Sized, max_length: int) -> None:
        super().__init__(f"unmappable return value length: {len(value)} > {max_length}")
        self.value = value
        self.max_length = max_length


class MapIndexTooHigh(AirflowException, IndexError):
    """There are fewer items by now than when the task was expanded."""

    def __init__(self, map_index: int, length: int) -> None:
        super().__init__(
            f"there is nothing for map index {map_index}: what the task is mapped over has {length} items "
            "now. If the DAG file has changed since the run began, trigger another run"
        )


class UnmappableOperator(AirflowException):
    """An operator that cannot be mapped."""


class ParamValidationError(AirflowException):
    """A param has no value, or one that its schema forbids."""


class NotOffered(AirflowException):
    """Airflow has it, Updraft does not; the text names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Updraft does not offer {what}")
