"""Times whole runs over the API: from sending the trigger to seeing `success`.

    python tests/bench/whole_runs.py http://127.0.0.1:8000 [http://127.0.0.1:8080]

Both servers must serve tests/bench/dags (AIRFLOW__CORE__DAGS_FOLDER). With a second one (a real Airflow,
say) the runs alternate, and its times are given as ratios to the first's: the machine's speed cancels out.
"""

import http.client
import json
import statistics
import sys
import time
from urllib.parse import quote, urlsplit

DAGS = ("bench_chain_of_ten", "bench_thirty_side_by_side")
ROUNDS = 5
POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 120


def call(base_url: str, method: str, path: str, body: object = None) -> dict[str, str]:
    """One request on a connection of its own, as Airflow's server would have it."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    try:
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if text else {}
        connection.request(method, f"/api/experimental{path}", body=text, headers=headers)
        response = connection.getresponse()
        answer: dict[str, str] = json.loads(response.read())
    finally:
        connection.close()
    if response.status != 200:
        sys.exit(f"{method} {path}: {response.status} {answer}")
    return answer


def whole_run(base_url: str, dag_id: str) -> float:
    """Seconds from the trigger to `success`."""
    started = time.perf_counter()
    made = call(base_url, "POST", f"/dags/{dag_id}/dag_runs", {"replace_microseconds": "false"})
    run = f"/dags/{dag_id}/dag_runs/{quote(made['execution_date'])}"
    while time.perf_counter() - started < TIMEOUT_SECONDS:
        if call(base_url, "GET", run)["state"] == "success":
            return time.perf_counter() - started
        time.sleep(POLL_SECONDS)
    sys.exit(f"{run} on {base_url} is not through after {TIMEOUT_SECONDS} s")


def main(*base_urls: str) -> None:
    """Print the median, and for a second server the ratio, per DAG."""
    for dag_id in DAGS:
        for base_url in base_urls:
            call(base_url, "GET", f"/dags/{dag_id}/paused/false")
            whole_run(base_url, dag_id)  # warms up
        rounds = [[whole_run(base_url, dag_id) for base_url in base_urls] for _ in range(ROUNDS)]
        medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
        ratios = "".join(f", {median / medians[0]:.1f} times that on the second" for median in medians[1:])
        print(f"{dag_id}: {medians[0]:.2f} s{ratios}")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["http://127.0.0.1:8000"]))
