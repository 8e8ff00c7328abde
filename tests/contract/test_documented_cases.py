"""The answers that the recorded cases ask for are those that the OpenAPI document describes."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.settings import Settings
from tests.contract.documented import DocumentedStage
from tests.contract.runner import Case, replay
from tests.contract.served import BACKENDS, served_cases
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import engine_with_contract_dags

_OPEN = Settings.from_environ({"AIRFLOW__API__AUTH_BACKEND": BACKENDS[None]})


@pytest.fixture(scope="module")
def stage() -> Iterator[DocumentedStage]:
    with bootstrap.use(settings=_OPEN):
        yield DocumentedStage(_OPEN)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=label)
        for label, case in served_cases(with_scheduler=False)
        if case.get("auth") is None
    ],
)
def test_the_answers_are_as_documented(stage: DocumentedStage, case: Case) -> None:
    clock = MovedClock()
    with bootstrap.use(engine=engine_with_contract_dags(clock)):
        assert replay(case, stage.send, clock) == []
