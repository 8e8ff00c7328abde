"""A few rounds of what ``tests/bench/kills.py`` does more of."""

import random

from tests.integration.server.conftest import DAGS, NewServer
from tests.integration.server.kill_under_load import kill_under_load


def test_after_kill_9_of_everything_under_load_nothing_is_lost_that_was_answered(
    new_server: NewServer,
) -> None:
    server = new_server(DAGS, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False")
    server.start()
    for number in range(3):
        outcome = kill_under_load(server, f"round_{number}", 1.5, random.Random(number))
        assert outcome.acknowledged.runs
        assert (outcome.lost, outcome.not_ended) == ({}, ())
