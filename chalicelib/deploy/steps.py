"""The steps of a command: planned from the same list that is carried out.

A failure says which step it was and what to do.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from chalicelib.domain.errors import StoreUnavailable, UpdraftError
from chalicelib.settings import SettingError

Tell = Callable[[str], None]
"""Takes a line for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A part of a command that may be repeated, and broken off at any point."""

    name: str
    """What the step is about, as it is announced."""
    plan: Callable[[], Iterable[str]]
    """What ``do`` would do, a line each; looks at what there is and changes nothing."""
    do: Callable[[], None]
    """Does it."""
    advice: str
    """What to do when the step fails."""


class StepFailed(UpdraftError):
    """A step failed; the text is one line and says which one, why and what to do."""

    code: ClassVar[str] = "step_failed"

    def __init__(self, step: Step, cause: Exception) -> None:
        reason = " ".join(str(cause).split()) or type(cause).__name__
        super().__init__(f"{step.name}: {reason.rstrip('.')}. {step.advice}")


class CommandFailed(UpdraftError):
    """A program that a step ran ended with an error, which it has shown itself."""

    code: ClassVar[str] = "command_failed"

    def __init__(self, command: str, status: int) -> None:
        super().__init__(f"'{command}' ended with exit code {status}")


def planned(steps: Sequence[Step]) -> Iterator[str]:
    """What the steps would do, in order, a line each."""
    for step in steps:
        yield from step.plan()


def carry_out(steps: Sequence[Step], tell: Tell) -> None:
    """Do the steps in order, each announced with its number.

    Raises ``StepFailed`` at the first that cannot be done. Other errors than the ``expected_errors`` are
    raised as they are.
    """
    for number, step in enumerate(steps, start=1):
        tell(f"[{number}/{len(steps)}] {step.name}")
        try:
            step.do()
        except expected_errors() as error:
            raise StepFailed(step, error) from error


def expected_errors() -> tuple[type[Exception], ...]:
    """What can go wrong without a bug: what we refuse, and what AWS or the machine does."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (UpdraftError, StoreUnavailable, SettingError, BotoCoreError, ClientError, OSError)
