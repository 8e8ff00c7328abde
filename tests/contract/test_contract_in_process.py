"""The recorded cases of the routes there are, replayed against the app in this process."""

import pytest

from chalicelib import bootstrap
from chalicelib.auth.accounts import create_user
from chalicelib.settings import Settings
from tests.contract.runner import Case, cases, replay
from tests.contract.served import BACKENDS, NOT_YET, PASSWORD, USER, served_cases
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags
from tests.scripted.in_process_api import InProcessApi

LEAST_COST = 4
"""bcrypt's; it is the default's that makes guessing expensive."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=label) for label, case in served_cases(with_scheduler=False)]
)
def test_the_case_is_answered_as_recorded(case: Case) -> None:
    settings = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": BACKENDS[case.get("auth")]})
    clock = MovedClock()
    engine = engine_with_contract_dags(clock)
    create_user(engine.store.users, USER, PASSWORD, cost=LEAST_COST, now=clock())
    with bootstrap.use(engine=engine, settings=settings):
        problems = replay(case, InProcessApi(settings).send, clock)
    assert problems == []


def test_every_case_that_is_left_out_exists() -> None:
    assert {label for label, _ in cases()} >= NOT_YET.keys()
