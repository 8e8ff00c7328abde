"""``BaseTrigger``, the events that triggers fire, and the arguments of a task that starts as deferred."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.authoring.model.baseoperator import LoggingMixin
from chalicelib.authoring.states import TaskInstanceState


@dataclass
class StartTriggerArgs:
    """By which trigger a task with ``start_from_trigger`` is deferred in place of ``execute``."""

    trigger_cls: str
    """The import path of the trigger's class."""
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


class TriggerEvent:
    """What a trigger fires; ``payload`` comes to the method by which the task goes on, as ``event``."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and other.payload == self.payload

    def __hash__(self) -> int:
        return hash(repr(self))


class BaseTaskEndEvent(TriggerEvent):
    """An event that ends the task without a worker; ``xcoms`` are pushed for it.

    Raises ``ValueError`` for a payload.
    """

    task_instance_state: ClassVar[TaskInstanceState]

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if "payload" in kwargs:
            raise ValueError("Param 'payload' not supported for this class.")
        super().__init__(payload=self.task_instance_state)
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """Ends the task as ``success``."""

    task_instance_state = TaskInstanceState.SUCCESS


class TaskFailedEvent(BaseTaskEndEvent):
    """Ends the task as ``failed``, also where there are tries left."""

    task_instance_state = TaskInstanceState.FAILED


class TaskSkippedEvent(BaseTaskEndEvent):
    """Ends the task as ``skipped``."""

    task_instance_state = TaskInstanceState.SKIPPED


class BaseTrigger(LoggingMixin):
    """Waits for something, asynchronously. Subclasses define ``serialize`` and ``run``.

    A trigger runs in windows: each builds it again from what ``serialize`` gave, and runs it from its
    beginning, with the time that it has slept since the deferral over already. Its first event counts.
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ARG002 - Airflow's signature
        self.task_instance = None
        self.trigger_id: int | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The import path of the class, and the keywords to build the trigger again from."""
        raise NotImplementedError("Triggers must implement serialize()")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield an event."""
        raise NotImplementedError("Triggers must implement run()")
        yield TriggerEvent(None)

    async def cleanup(self) -> None:
        """Called once it has fired or failed; not between windows. What it raises is logged."""

    def __repr__(self) -> str:
        classpath, kwargs = self.serialize()
        named = ", ".join(f"{name}={value}" for name, value in kwargs.items())
        return f"<{classpath} {named}>"
