"""The dispatch of scheduling messages."""

from inspect import signature
from typing import get_args

import pytest

from chalicelib.domain.messages import SchedulingMessage
from chalicelib.engine.dispatch import handler_of


@pytest.mark.parametrize("kind", get_args(SchedulingMessage))
def test_every_message_has_a_handler_that_takes_it(kind: type[SchedulingMessage]) -> None:
    _, message = signature(handler_of(kind)).parameters.values()
    assert message.annotation is kind
