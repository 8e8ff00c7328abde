"""The Python runtimes of Lambda, their end of support, and the choice of a stage's.

Chalice takes the Python that it runs on, for wheels and bytecode too: a deployment from another Python would
change the stage's runtime without a word.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime

from chalicelib.deploy.stages import Stage, StageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """AWS's support of a runtime (AWS, "Lambda runtimes"; taken from cfn-lint 1.58, November 2026)."""

    ends: date
    """The last day on which AWS mends the runtime."""
    no_creation: date
    """From this day on AWS takes no new functions."""
    no_update: date
    """From this day on AWS takes no changed functions."""


SUPPORT = {
    "python3.11": Support(ends=date(2027, 6, 30), no_creation=date(2027, 7, 31), no_update=date(2027, 8, 31)),
    "python3.12": Support(
        ends=date(2028, 10, 31), no_creation=date(2028, 11, 30), no_update=date(2029, 1, 10)
    ),
    "python3.13": Support(ends=date(2029, 6, 30), no_creation=date(2029, 7, 31), no_update=date(2029, 8, 31)),
    "python3.14": Support(ends=date(2029, 6, 30), no_creation=date(2029, 7, 31), no_update=date(2029, 8, 31)),
}
"""Of the runtimes whose end is known."""

NEWEST_MINOR = 15
"""Of the newest Python that Lambda has (botocore 1.43.106, ``Runtime``) and Chalice 1.34 deploys for."""


def this_runtime() -> str:
    """The runtime of the functions that this Python deploys."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def wanted_runtime(stage: Stage, standing: str | None) -> str:
    """What the stage states; else what it runs on; else, for a new one, what this Python deploys."""
    return stage.settings.runtime or standing or this_runtime()


def refuse_other_python(stage: Stage, standing: str | None, *, today: date | None = None) -> None:
    """Raise ``StageError`` if this Python would give the stage another runtime, or one that AWS refuses.

    ``standing`` is the runtime of its functions; None if there are none, or if that is not known.
    """
    wanted, ours = wanted_runtime(stage, standing), this_runtime()
    if ours != wanted:
        version = wanted.removeprefix("python")
        why = "as UPDRAFT__AWS__RUNTIME says" if stage.settings.runtime else "so far"
        raise StageError(
            f"Stage {stage.name} runs on {wanted}, {why}, and this Python would make it {ours}: deploy by "
            f"Python {version} ('rm -r .venv', 'make install PYTHON=python{version}'), or set "
            f"UPDRAFT__AWS__RUNTIME in its environment_variables to {ours}"
        )
    if sys.version_info.minor > NEWEST_MINOR:
        raise StageError(f"AWS Lambda has no {ours}: deploy by Python 3.11 to 3.{NEWEST_MINOR}")
    support = SUPPORT.get(wanted)
    if support and (today or _today()) >= (support.no_update if standing else support.no_creation):
        raise StageError(
            f"AWS takes no functions of {wanted} any more: set UPDRAFT__AWS__RUNTIME in the "
            f"environment_variables of stage {stage.name} to a newer one, and deploy by that Python"
        )


def support_of(runtime: str) -> str:
    """What there is to say of a runtime's end."""
    support = SUPPORT.get(runtime)
    if support is None:
        return "AWS's end of support is not known here"
    return f"AWS supports it until {support.ends.day} {support.ends:%B %Y}"


def is_unsupported(runtime: str, *, today: date | None = None) -> bool:
    """Whether AWS has stopped to mend the runtime."""
    support = SUPPORT.get(runtime)
    return support is not None and (today or _today()) > support.ends


def _today() -> date:
    return datetime.now(UTC).date()
