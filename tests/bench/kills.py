"""Kills a local server in the middle of load, again and again, and counts what is gone of what it answered.

    python tests/bench/kills.py [ROUNDS] [BUSY]

BUSY processes compete for the processors meanwhile (0: none). The server is one of the integration tests',
with a state folder of its own.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.integration.server.conftest import DAGS
from tests.integration.server.kill_under_load import kill_under_load
from tests.integration.server.server import Server

SECONDS = 4.0


def main(rounds: int = 20, busy: int = 0) -> None:
    """Print a line per round, and the sum."""
    competitors = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    chance = random.Random()
    answered = lost = not_ended = 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder), DAGS, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False")
            try:
                server.start()
                for number in range(rounds):
                    outcome = kill_under_load(server, f"round_{number}", SECONDS, chance)
                    ages = {**outcome.acknowledged.runs, **outcome.acknowledged.pools}
                    last = min(ages.values(), default=0.0)
                    print(
                        f"{number}: {len(ages)} answered, the last one {last:.3f} s before the kill; "
                        f"lost {sorted(outcome.lost.values())}, not ended {len(outcome.not_ended)}; "
                        f"start {outcome.start_seconds:.1f} s",
                        flush=True,
                    )
                    answered += len(ages)
                    lost += len(outcome.lost)
                    not_ended += len(outcome.not_ended)
            finally:
                server.kill()
    finally:
        for competitor in competitors:
            competitor.kill()
    print(
        f"{rounds} kills beside {busy} busy processes: {answered} answered, {lost} of them lost, "
        f"{not_ended} not ended"
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
