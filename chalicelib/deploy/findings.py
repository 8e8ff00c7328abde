"""What a look at a deployment says of each of its parts."""

from dataclasses import dataclass

DEPLOY_AGAIN = "deploy again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A part of a stage, what is wrong with it (nothing: all is well) and what to do about that.

    ``missing``: it is not there at all.
    """

    subject: str
    problems: tuple[str, ...] = ()
    remedy: str = DEPLOY_AGAIN
    missing: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def gone(subject: str) -> Finding:
    """Of something that is not there."""
    return Finding(subject=subject, problems=("is missing",), missing=True)
