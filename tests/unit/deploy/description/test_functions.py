"""The description of the functions against the two places that repeat it for Chalice, and the simulation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.auth.backends import BASIC_AUTH
from chalicelib.deploy.description.functions import AUTHORIZER, FEEDS, FUNCTIONS, SCHEDULER, TICK, Feed
from chalicelib.settings import Settings
from chalicelib.simulation.crowd import SCHEDULER_TIMEOUT

PROJECT = Path(__file__).parents[4]
CONFIG = json.loads((PROJECT / ".chalice" / "config.json").read_text())

REGISTERED = """
import json, app
from chalice.app import SQSEventConfig
handlers = [*app.app.builtin_auth_handlers, *app.app.event_sources]
feeds = [each for each in app.app.event_sources if isinstance(each, SQSEventConfig)]
print(json.dumps({
    "calls": {each.name: each.handler_string for each in handlers},
    "feeds": {each.name: [
        each.queue, each.batch_size, each.maximum_batching_window_in_seconds, each.maximum_concurrency
    ] for each in feeds},
}))
"""


def registered(stage: str) -> dict[str, Any]:
    """What Chalice is told by the decorators, on a stage that has an authorizer."""
    variables = CONFIG["stages"][stage]["environment_variables"]
    said = subprocess.run(
        [sys.executable, "-c", REGISTERED],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "AIRFLOW__API__AUTH_BACKEND": BASIC_AUTH, **variables},
        capture_output=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(said.stdout)
    return result


def as_registered(feed: Feed, settings: Settings) -> list[Any]:
    return [
        settings.resource(feed.queue),
        feed.batch_size,
        feed.batching_window_s,
        feed.concurrency(settings),
    ]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_decorators_feed_each_function_as_described(stage: str) -> None:
    settings = Settings.from_environ(CONFIG["stages"][stage]["environment_variables"])
    assert registered(stage)["feeds"] == {
        handler: as_registered(feed, settings) for handler, feed in FEEDS.items()
    }


def test_chalice_registers_what_lambda_calls_by_the_description() -> None:
    calls = registered("dev")["calls"] | {"api_handler": "app.app"}  # which Chalice adds by itself
    assert calls == {function.handler: function.calls for function in FUNCTIONS.values()}


def test_chalices_configuration_gives_each_function_its_size() -> None:
    sizes = {
        handler: (settings["lambda_memory_size"], settings.get("lambda_timeout"))
        for handler, settings in CONFIG["lambda_functions"].items()
    }
    assert sizes == {
        function.handler: (function.memory_mb, function.timeout_s) for function in FUNCTIONS.values()
    }


def test_the_worker_alone_has_the_time_that_the_stage_gives() -> None:
    assert {handler for handler, each in FUNCTIONS.items() if each.timeout(1234) == 1234} == {"worker"}


def test_functions_without_a_queue_are_called_by_api_gateway_and_the_clock() -> None:
    assert FUNCTIONS.keys() - FEEDS.keys() == {"api_handler", AUTHORIZER, TICK}


def test_the_simulation_gives_the_scheduler_as_long_as_lambda_does() -> None:
    assert FUNCTIONS[SCHEDULER].timeout_s == SCHEDULER_TIMEOUT.total_seconds()
