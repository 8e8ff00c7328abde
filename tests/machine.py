"""Programs of the machine that some tests call: without them these are skipped, with what to install."""

import os
import shutil
from dataclasses import dataclass

import pytest

PATH_OF_PROGRAMS = f"{os.environ['PATH']}:/usr/sbin:/sbin"
"""Where programs are looked for: Debian keeps those of administrators where users do not look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a group of tests needs of the machine.

    ``what`` is the subject and verb of the sentence that says what was not tested, ``packages`` are Debian's
    that bring it, all among those that `.ci/run` installs; what none brings is ``made_by`` a command.
    ``switch`` is the variable of the environment that `.ci/run` sets: a test that is skipped there has tested
    nothing, so it fails.
    """

    what: str
    switch: str
    packages: str = ""
    made_by: str = ""

    def of_programs(self, *programs: str) -> None:
        """Skip or fail the test unless the programs are there."""
        missing = absent(*programs)
        if missing:
            self.is_not_met(missing)

    def is_not_met(self, missing: str) -> None:
        """Skip or fail the test; ``missing`` is a sentence without its full stop."""
        command = self.made_by or f"Debian: apt-get install {self.packages}"
        reason = f"{self.what} not tested: {missing} ({command})"
        if os.environ.get(self.switch):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def absent(*programs: str) -> str | None:
    """Which of the programs this machine lacks, as a sentence; None if none."""
    missing = [program for program in programs if not shutil.which(program, path=PATH_OF_PROGRAMS)]
    return f"{', '.join(missing)} cannot be found" if missing else None
