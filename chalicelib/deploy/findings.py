"""Findings: what is wrong with a part of a stage, and what to do about it."""

from dataclasses import dataclass

DEPLOY_AGAIN = "deploy again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A part of a stage, as a check found it."""

    subject: str
    """The part, by its kind and name."""
    problems: tuple[str, ...] = ()
    """What is wrong with the part, each a clause about it; empty when all is well."""
    remedy: str = DEPLOY_AGAIN
    """What to do about the problems."""
    missing: bool = False
    """Whether the part is not there at all."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def gone(subject: str) -> Finding:
    """The finding about a part that is not there."""
    return Finding(subject=subject, problems=("is missing",), missing=True)
