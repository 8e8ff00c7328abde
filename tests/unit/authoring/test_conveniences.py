"""Small functions of ``airflow.utils``: they give what Airflow's give."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import CalledProcessError
from typing import Any

import pytest

from chalicelib.authoring.conveniences.collections import (
    as_flattened_list,
    as_tuple,
    at_most_one,
    chunks,
    exactly_one,
    merge_dicts,
    partition,
    prune_dict,
    reduce_in_chunks,
)
from chalicelib.authoring.conveniences.cycles import check_cycle
from chalicelib.authoring.conveniences.date_ranges import (
    date_range,
    infer_time_unit,
    round_time,
    scale_time_units,
)
from chalicelib.authoring.conveniences.machine import is_venv_installed
from chalicelib.authoring.conveniences.metrics import Stats
from chalicelib.authoring.conveniences.modules import import_string, qualname
from chalicelib.authoring.conveniences.moments import (
    coerce_datetime,
    from_timestamp,
    make_naive,
    parse_timezone,
    td_format,
)
from chalicelib.authoring.conveniences.parsing_context import get_parsing_context
from chalicelib.authoring.conveniences.processes import execute_in_subprocess, patch_environ
from chalicelib.authoring.conveniences.texts import (
    convert_camel_to_snake,
    get_random_string,
    remove_escape_codes,
    to_boolean,
    validate_key,
)
from chalicelib.authoring.exceptions import AirflowDagCycleException, AirflowException
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.operators.empty import EmptyOperator
from tests.unit.authoring.running import a_dag

DAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda: list(chunks([1, 2, 3], 2)), [[1, 2], [3]]),
        (lambda: as_tuple("ab"), ("ab",)),
        (lambda: as_tuple([1, 2]), (1, 2)),
        (lambda: as_flattened_list([[1], [2, 3]]), [1, 2, 3]),
        (lambda: reduce_in_chunks(lambda total, part: total + len(part), [1, 2, 3], 0, 2), 3),
        (lambda: reduce_in_chunks(lambda total, part: total + len(part), [], 7), 7),
        (lambda: [list(part) for part in partition(lambda n: n > 1, [1, 2, 3])], [[1], [2, 3]]),
        (
            lambda: merge_dicts({"a": {"b": 1}, "c": 1}, {"a": {"d": 2}, "c": 2}),
            {"a": {"b": 1, "d": 2}, "c": 2},
        ),
        (lambda: prune_dict({"a": None, "b": {"c": None}, "d": [None, 0]}), {"d": [0]}),
        (lambda: prune_dict({"a": 0, "b": [1, ""]}, "truthy"), {"b": [1]}),
        (lambda: exactly_one(1, 0), True),
        (lambda: exactly_one(1, 1), False),
        (lambda: at_most_one(NOTSET, 1), True),
        (lambda: at_most_one(1, 1), False),
        (lambda: to_boolean("Yes"), True),
        (lambda: to_boolean(None), False),
        (lambda: convert_camel_to_snake("SomeName"), "some_name"),
        (lambda: remove_escape_codes("\x1b[31mred\x1b[0m"), "red"),
        (lambda: len(get_random_string(5)), 5),
        (lambda: td_format(timedelta(days=1, seconds=3723)), "1d:1h:2M:3s"),
        (lambda: td_format(0.5), "<1s"),
        (lambda: td_format(None), None),
        (lambda: make_naive(DAY), datetime(2024, 1, 1)),  # noqa: DTZ001 - naive is what is asked for
        (lambda: coerce_datetime(None), None),
        (lambda: coerce_datetime(datetime(2024, 1, 1)), DAY),  # noqa: DTZ001 - likewise
        (lambda: from_timestamp(0), datetime(1970, 1, 1, tzinfo=UTC)),
        (lambda: parse_timezone("Europe/Paris").name, "Europe/Paris"),
        (lambda: import_string("os.path.join"), os.path.join),
        (lambda: qualname(EmptyOperator), "chalicelib.authoring.operators.empty.EmptyOperator"),
        (lambda: infer_time_unit([30, 121]), "minutes"),
        (lambda: scale_time_units([7200], "hours"), [2]),
    ],
)
def test_a_function_gives_what_airflows_gives(value: Callable[[], Any], expected: Any) -> None:
    assert value() == expected


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: list(chunks([1], 0)), ValueError, "Chunk size must be a positive integer"),
        (lambda: exactly_one([1]), ValueError, "Not supported for iterable args"),
        (lambda: prune_dict({}, "odd"), ValueError, "allowable modes"),
        (lambda: validate_key("a b"), AirflowException, "The key 'a b' has to be made of"),
        (lambda: validate_key("abc", 2), AirflowException, "The key has to be less than 2 characters"),
        (lambda: make_naive(datetime(2024, 1, 1)), ValueError, "naive"),  # noqa: DTZ001 - that is refused
        (lambda: import_string("join"), ImportError, "join doesn't look like a module path"),
        (lambda: import_string("os.nope"), ImportError, 'Module "os" does not define a "nope"'),
        (lambda: date_range(DAY, DAY - timedelta(1), delta="@daily"), AirflowException, "start_date needs"),
        (lambda: date_range(DAY, DAY, num=2, delta="@daily"), AirflowException, "Either specify"),
    ],
)
def test_a_mistake_is_named(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_dates_of_a_range_may_be_counted_and_come_in_order() -> None:
    step = timedelta(days=1)
    assert date_range(DAY, DAY + step, delta=step) == [DAY, DAY + step]
    assert date_range(DAY, num=3, delta="0 0 * * *") == [DAY, DAY + step, DAY + 2 * step]
    assert date_range(DAY, num=-2, delta=step) == [DAY - step, DAY]
    assert date_range(DAY) == []


def test_a_moment_is_rounded_to_the_nearest_of_a_series() -> None:
    hour = timedelta(hours=1)
    assert round_time(DAY + timedelta(minutes=29), hour, DAY) == DAY
    assert round_time(DAY + timedelta(minutes=31), hour, DAY) == DAY + hour


def test_what_a_command_prints_is_logged_and_its_failure_raised(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="airflow.task"):
        execute_in_subprocess([sys.executable, "-c", "print('hello')"])
    assert "hello" in caplog.messages
    with pytest.raises(CalledProcessError):
        execute_in_subprocess([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_patched_environment_is_put_back() -> None:
    with patch_environ({"SOME_NAME_OF_THIS_TEST": "1"}):
        assert os.environ["SOME_NAME_OF_THIS_TEST"] == "1"
    assert "SOME_NAME_OF_THIS_TEST" not in os.environ


def test_a_cycle_is_found() -> None:
    with a_dag() as dag:
        one, two = EmptyOperator(task_id="one"), EmptyOperator(task_id="two")
        one >> two
        check_cycle(dag)
        two >> one
    with pytest.raises(AirflowDagCycleException):
        check_cycle(dag)


def test_a_timer_measures_and_counts_go_nowhere() -> None:
    Stats.incr("name", 2)
    with Stats.timer("name") as timer:
        pass
    assert timer.duration is not None
    assert timer.duration >= 0


def test_a_file_is_loaded_for_all_of_its_dags_and_as_if_virtual_environments_could_be_made() -> None:
    assert get_parsing_context() == (None, None)
    assert is_venv_installed()
