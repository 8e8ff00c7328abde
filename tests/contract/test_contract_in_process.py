"""The recorded cases of the routes there are, replayed against the app in this process."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.settings import Settings
from tests.contract.clock import MovedClock
from tests.contract.deployed_dags import engine_with_contract_dags
from tests.contract.in_process import InProcessApi
from tests.contract.runner import Case, cases, replay

NOT_YET = {
    "auth/basic_auth": "the backend comes with passwords",
    "json_client/delete_dag_2_10": "deleting DAGs comes later",
    "pools/blank_name": "deleting pools comes later",
    "pools/default_pool": "deleting pools comes later",
    "pools/extra_fields": "deleting pools comes later",
    "pools/life": "deleting pools comes later",
    "pools/slots_values": "deleting pools comes later",
    "pools/unknown": "deleting pools comes later",
    "service/options": "names the methods that delete",
}
"""Cases in these files whose routes are not there, and why."""

DENY_ALL = "airflow.api.auth.backend.deny_all"
BACKENDS = {None: "airflow.api.auth.backend.default", "deny_all": DENY_ALL}


def _case_ids() -> Iterator[object]:
    for label, case in cases():
        needs_scheduler = {"runs", "reparse"} & set(case.get("tags") or ())
        if not needs_scheduler and label not in NOT_YET and case.get("auth") in BACKENDS:
            yield pytest.param(case, id=label)


@pytest.mark.parametrize("case", list(_case_ids()))
def test_the_case_is_answered_as_recorded(case: Case) -> None:
    settings = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": BACKENDS[case.get("auth")]})
    clock = MovedClock()
    with bootstrap.use(engine=engine_with_contract_dags(clock), settings=settings):
        problems = replay(case, InProcessApi(settings).send, clock)
    assert problems == []


def test_every_case_that_is_left_out_exists() -> None:
    assert {label for label, _ in cases()} >= NOT_YET.keys()
