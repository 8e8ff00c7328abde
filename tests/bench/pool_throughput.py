"""Short tasks per second through one pool, with few and many workers.

    python -m tests.bench.pool_throughput [WORKERS...]

Starts a local server of its own for each number of workers (1, 8 and 32 if none is given). The rates are
those of this machine, whose processors the workers share; what counts is that more workers are never
slower: then the pool's items are not what throttles.
"""

import sys
import tempfile
from pathlib import Path

from tests.bench.whole_runs import call, whole_run
from tests.integration.server.server import running

DAGS = Path(__file__).parent / "dags"
DAG_ID = "bench_many_short"
TASKS = 100
_ROUNDS = 3


def rate(workers: int) -> float:
    """Tasks per second in the best of a few runs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), DAGS, UPDRAFT__LOCAL__MAX_WORKERS=str(workers)) as server,
    ):
        base_url = f"http://127.0.0.1:{server.api.port}"
        call(base_url, "GET", f"/dags/{DAG_ID}/paused/false")
        whole_run(base_url, DAG_ID)  # warms up
        return TASKS / min(whole_run(base_url, DAG_ID) for _ in range(_ROUNDS))


def main(*workers: str) -> None:
    """Print the rate for each number of workers, and as a ratio to the first."""
    rates = {number: rate(number) for number in map(int, workers)}
    first = next(iter(rates.values()))
    for number, per_second in rates.items():
        print(
            f"{number} workers: {per_second:.0f} tasks per second, {per_second / first:.1f} times the first"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ("1", "8", "32")))
