"""What a call costs does not grow with how many runs there are: the same requests, the same bytes read."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.store.dynamodb.attributes import instant_text
from tests.budgets.deployment import MeteredDeployment
from tests.scripted.dags import ScriptedDag, Shape

DAG = ScriptedDag([Shape("a")])
FIRST = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
BATCH = 25
PAGE = "/dags/scripted/dag_runs?limit=50&execution_date_gte=2020-01-01T00:30:00"
CALLS = ("/dags/scripted/dag_runs/2026-01-01T12:00:00", "/latest_runs", PAGE)


def add_runs(table: str, keys: range) -> None:
    """Copy the item of the run that was triggered to other minutes, straight into the table."""
    dynamodb = aws.client("dynamodb")
    (item,) = [found for found in dynamodb.scan(TableName=table)["Items"] if _is_the_triggered(found)]
    for start in range(keys.start, keys.stop, BATCH):
        copies = [_at(item, number) for number in range(start, min(start + BATCH, keys.stop))]
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": copy}} for copy in copies]})


def _is_the_triggered(item: dict[str, Any]) -> bool:
    return str(item["execution_date"]["S"]).startswith("2026")


def _at(item: dict[str, Any], number: int) -> dict[str, Any]:
    date = FIRST + timedelta(minutes=number)
    changed = {"execution_date": {"S": instant_text(date)}, "run_uid": {"S": f"uid{number:05d}"}}
    return item | changed | ({"run_id": {"S": f"manual__{date.isoformat()}"}} if "run_id" in item else {})


def costs(deployment: MeteredDeployment) -> list[tuple[dict[tuple[str, str], int], float]]:
    """Requests and read units of each call, which must succeed."""
    found = []
    for path in CALLS:
        answer, meter = deployment.get(path)
        assert answer.status == 200, answer.body
        found.append((dict(meter.dynamodb), meter.read_units))
    return found


def test_a_hundred_runs_and_ten_thousand_cost_the_same_to_read(deployment: MeteredDeployment) -> None:
    deployment.deploy(DAG)
    deployment.trigger(DAG)
    tables = ("updraft-budgets-dag_runs", "updraft-budgets-unfinished_runs")
    for table in tables:
        add_runs(table, range(100))
    among_a_hundred = costs(deployment)
    for table in tables:
        add_runs(table, range(100, 10_000))
    assert costs(deployment) == among_a_hundred
    page, _ = deployment.get(PAGE)
    assert [run["execution_date"][11:16] for run in page.body][::49] == ["00:30", "01:19"]
