"""The recorded cases, replayed through API Gateway against the deployed stage: tasks run, time passes."""

import pytest

from tests.contract.runner import Case, RealPace, replay
from tests.contract.served import served_cases
from tests.e2e.stage.project import Project
from tests.scripted.asking import at_once

pytestmark = pytest.mark.e2e

OF_AN_OPEN_STAGE = [
    pytest.param(case, id=label) for label, case in served_cases(with_scheduler=True) if "auth" not in case
]


@pytest.mark.parametrize("case", OF_AN_OPEN_STAGE)
def test_the_case_is_answered_as_recorded(open_stage: Project, case: Case) -> None:
    assert replay(case, open_stage.gateway.send, RealPace(), at_once) == []
