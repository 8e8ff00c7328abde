"""Commands with curl, of the pages and of Airflow's reference, as they stand there."""

import json
import subprocess
from typing import Any

from tests.machine import Need
from tests.waiting import PATIENCE_SECONDS

CURL = Need(what="Commands with curl were", packages="curl", switch="UPDRAFT_TESTS_NEED_CURL")


def in_shell(command: str) -> str:
    """What the command prints; the test is skipped where there is no curl."""
    CURL.of_programs("curl")
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


def answer(command: str) -> Any:
    """What the command prints, which is JSON."""
    return json.loads(in_shell(command))
