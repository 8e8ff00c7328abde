"""``BaseSensorOperator``: a task that asks again and again whether what it waits for is there."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.running.waiting import later, let_pass
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.domain.tasks.retries import spread

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

_DEFAULT_TIMEOUT = 7 * 24 * 60 * 60

_MANY_POKES = 60
"""Beyond this many doublings any wait is longer than any timeout (and 2**1024 more than a float holds)."""


class PokeReturnValue:
    """What a poke may return instead of a truth value: with a result for XCom when it is done."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator):
    """A task that waits. Subclasses define ``poke``, which returns whether the wait is over.

    Durations are timedeltas or seconds. In mode ``poke`` the sensor keeps its pool slots between pokes
    and shows as ``running``, in mode ``reschedule`` it gives them back (``up_for_reschedule``). In both
    no invocation runs meanwhile, so each poke begins with the operator as its DAG file makes it;
    ``pre_execute`` runs once per try in mode ``poke``, at each poke in mode ``reschedule``.

    After ``timeout`` the sensor fails without retry; it is counted from the first poke (of the try in
    mode ``poke``, of the first try in mode ``reschedule``). ``soft_fail`` makes that, and a failure for
    good, a skip; ``never_fail`` any exception; ``silent_fail`` takes an exception for "not yet".
    Raises ``AirflowException`` or ``ValueError`` for arguments that cannot be used.
    """

    ui_color = "#e6f1f2"
    valid_modes: Iterable[str] = ("poke", "reschedule")

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60,
        timeout: timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = _seconds(poke_interval, "poke_interval")
        self.timeout = _default_timeout() if timeout is None else _seconds(timeout, "timeout")
        self.max_wait = None if max_wait is None else timedelta(seconds=_seconds(max_wait, "max_wait"))
        if soft_fail and never_fail:
            raise ValueError("soft_fail and never_fail are mutually exclusive, you can not provide both.")
        if mode not in self.valid_modes:
            raise AirflowException(
                f"The mode must be one of {list(self.valid_modes)}, not {mode!r} (task {self.task_id})"
            )
        self.mode = mode
        self.soft_fail = soft_fail
        self.silent_fail = silent_fail
        self.never_fail = never_fail
        self.exponential_backoff = exponential_backoff

    @property
    def reschedule(self) -> bool:
        """Whether the sensor gives its slots back between pokes."""
        return self.mode == "reschedule"

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context"
    ) -> Any:
        """As a task's, but ``soft_fail`` makes a failure of the deferral a skip."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            if self.soft_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def poke(self, context: "Context") -> bool | PokeReturnValue:  # noqa: ARG002 - for subclasses
        """Whether what the sensor waits for is there."""
        raise AirflowException("Override me.")

    def execute(self, context: "Context") -> Any:
        """Poke until it is done; ends early, by an exception, when the next poke is some way off."""
        ti: TaskInstance = context["ti"]
        started_at = self._started_at(ti)
        arrived = utcnow()
        pokes = 0
        while True:
            found = self._poke(context)
            if found:
                self.log.info("Success criteria met. Exiting.")
                return found.xcom_value if isinstance(found, PokeReturnValue) else None
            pokes += 1
            elapsed = (utcnow() - started_at).total_seconds()
            if elapsed > self.timeout:
                raise self._timed_out(elapsed)
            wait = self.next_wait(started_at, elapsed, ti.pokes + pokes)
            if self.reschedule:
                raise AirflowRescheduleException(later(utcnow(), wait))
            let_pass(self, ti, wait, arrived, pokes)

    def _poke(self, context: "Context") -> bool | PokeReturnValue:
        """One poke; what it raises may mean a skip, or "not yet"."""
        try:
            return self.poke(context)
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            self._skip_if_never_failing(error)
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("Sensor poke failed")
                return False
            self._skip_if_never_failing(error)
            raise

    def _skip_if_never_failing(self, error: BaseException) -> None:
        if self.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error

    def _timed_out(self, elapsed: float) -> AirflowException:
        message = (
            f"Sensor has timed out; run duration of {elapsed} seconds exceeds "
            f"the specified timeout of {self.timeout}."
        )
        return AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)

    def _started_at(self, ti: "TaskInstance") -> datetime:
        """What the timeout is counted from; in mode ``poke`` each try has its own."""
        if ti.first_poke_at is None or not (self.reschedule or ti.goes_on):
            return utcnow()
        return ti.first_poke_at

    def next_wait(self, started_at: datetime, elapsed: float, poke_count: int) -> float:
        """Seconds until the next poke, after so many in vain, by Airflow's formula."""
        if not self.exponential_backoff:
            return self.poke_interval
        count = self._estimated_count(started_at, elapsed) if self.reschedule else poke_count
        wait = min(float(self._backoff(started_at, count)), self.timeout - int(elapsed))
        return min(wait, self.max_wait.total_seconds()) if self.max_wait else wait

    def _estimated_count(self, started_at: datetime, elapsed: float) -> int:
        """The poke that it would be by now: Airflow does not count them in mode ``reschedule``."""
        count, passed = 0, 0
        while passed <= elapsed:
            count += 1
            passed += self._backoff(started_at, count)
        return count

    def _backoff(self, started_at: datetime, poke_count: int) -> int:
        """Seconds that double with each poke, with a jitter as long again at most."""
        least = max(int(self.poke_interval * 2.0 ** min(poke_count - 2, _MANY_POKES)), 1)
        dag_id = self.dag_or_none.dag_id if self.dag_or_none else ""
        return least + spread(f"{dag_id}#{self.task_id}#{started_at}#{poke_count}") % least


def poke_mode_only(cls: type[BaseSensorOperator]) -> type[BaseSensorOperator]:
    """Make a class of sensors refuse any mode but ``poke``; raises ``ValueError`` for other classes."""
    if not issubclass(cls, BaseSensorOperator):
        raise ValueError(
            f"poke_mode_only decorator should only be applied to subclasses of BaseSensorOperator, got:{cls}."
        )

    def only_poke(_: BaseSensorOperator, value: str) -> None:
        if value != "poke":
            raise ValueError(f"Cannot set mode to '{value}'. Only 'poke' is acceptable")

    cls.mode = property(lambda _: "poke", only_poke)  # type: ignore[assignment]  # in place of the attribute
    return cls


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float):
        seconds = value
    else:
        seconds = -1
    if seconds < 0:
        raise AirflowException(f"Operator arg `{name}` must be timedelta object or a non-negative number")
    return seconds


def _default_timeout() -> float:
    return conf.getfloat("sensors", "default_timeout", fallback=_DEFAULT_TIMEOUT)
