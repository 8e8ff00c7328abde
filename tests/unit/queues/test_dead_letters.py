"""What a dead letter says beside its body."""

from typing import Any

import pytest

from chalicelib.queues.dead_letters import DeadLetter, reason_in


def text(value: str) -> dict[str, Any]:
    return {"dataType": "String", "stringValue": value}


def letter(attributes: dict[str, Any], reason: str = "no such DAG") -> DeadLetter:
    record = {"messageId": "m-1", "body": "x", "messageAttributes": attributes}
    return DeadLetter(record=record, code="dag_not_found", reason=reason, original_id="OriginalId")


def test_it_keeps_its_attributes_and_says_why_it_is_dead() -> None:
    assert letter({"kind": text("greeting")}).attributes == {
        "kind": text("greeting"),
        "OriginalId": text("m-1"),
        "ErrorMessage": text("no such DAG"),
        "ErrorCode": text("dag_not_found"),
    }


def test_one_that_dies_again_keeps_its_first_id_and_has_the_latest_reason() -> None:
    again = letter({"OriginalId": text("m-0"), "ErrorMessage": text("old"), "ErrorCode": text("old")})
    assert again.attributes == {
        "OriginalId": text("m-0"),
        "ErrorMessage": text("no such DAG"),
        "ErrorCode": text("dag_not_found"),
    }


def test_its_own_attributes_come_first_where_ten_are_too_few() -> None:
    own = {f"a{number}": text("x") for number in range(9)}
    assert letter(own).attributes == {**own, "OriginalId": text("m-1")}


def test_a_reason_is_made_fit_for_sqs() -> None:
    reason = letter({}, reason="a\x00b\ud800c" + "x" * 5000).attributes["ErrorMessage"]["stringValue"]
    assert reason.startswith("a?b?cxxx")
    assert len(reason) < 1100


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"ErrorMessage": {"DataType": "String", "StringValue": "no such DAG"}}, "no such DAG"),
        ({"ERROR_MESSAGE": {"DataType": "String", "StringValue": "Queue is gone"}}, "Queue is gone"),
        ({"kind": {"DataType": "String", "StringValue": "greeting"}}, ""),
    ],
)
def test_the_reason_is_found_whoever_put_it_there(attributes: dict[str, Any], reason: str) -> None:
    assert reason_in(attributes) == reason
