"""Event patterns, with the examples of AWS's documentation where it has one."""

from typing import Any

import pytest

from chalicelib.events.patterns import SNS_OPERATORS, PatternError, check, matches

EC2: dict[str, Any] = {
    "source": "aws.ec2",
    "detail-type": "EC2 Instance State-change Notification",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "state": "Terminated",
        "count": 5,
        "price": 10.5,
        "ok": True,
        "nothing": None,
        "path": "dir/a*b\\c.png",
        "tags": [{"key": "env", "value": "prod"}, {"key": "team", "value": "shop"}],
    },
}


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": fields}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.ec2"]},
        {"source": ["aws.s3", "aws.ec2"], "detail-type": [{"prefix": "EC2"}]},
        {"resources": ["arn:b"]},
        detail(state=[{"suffix": "nated"}]),
        detail(state=[{"equals-ignore-case": "TERMINATED"}]),
        detail(state=[{"anything-but": "running"}]),
        detail(state=[{"anything-but": ["running", "stopped"]}]),
        detail(state=[{"anything-but": {"prefix": "run"}}]),
        detail(state=[{"anything-but": {"suffix": ["ning", "ped"]}}]),
        detail(count=[5]),
        detail(count=[5.0]),
        detail(count=[{"numeric": ["=", 5]}]),
        detail(price=[{"numeric": [">", 10, "<=", 10.5]}]),
        detail(ok=[True]),
        detail(nothing=[None]),
        detail(state=[{"exists": True}]),
        detail(missing=[{"exists": False}]),
        {"absent": {"deeply": [{"exists": False}]}},
        detail(path=[{"wildcard": "dir/*.png"}]),
        detail(path=[{"wildcard": r"dir/a\*b\\c*"}]),
        detail(tags={"key": ["env"], "value": ["prod"]}),
        {"$or": [{"source": ["aws.s3"]}, detail(count=[5])]},
        detail(missing=["x", {"exists": False}]),
    ],
)
def test_an_event_fits(pattern: dict[str, Any]) -> None:
    check(pattern)
    assert matches(pattern, EC2)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.ec"]},
        {"source": ["aws.ec2"], "detail-type": ["Other"]},
        {"resources": ["arn:c"]},
        detail(state=["terminated"]),
        detail(state=[{"prefix": "erm"}]),
        detail(state=[{"anything-but": ["Terminated"]}]),
        detail(state=[{"anything-but": {"suffix": ["x", "nated"]}}]),
        detail(missing=[{"anything-but": ["x"]}]),
        detail(count=["5"]),
        detail(count=[{"prefix": "5"}]),
        detail(ok=[1]),
        detail(count=[{"numeric": ["<", 5]}]),
        detail(state=[{"numeric": [">", 0]}]),
        detail(ok=[{"numeric": ["=", 1]}]),
        detail(state=[{"exists": False}]),
        detail(missing=[{"exists": True}]),
        detail(tags=[{"exists": True}]),
        detail(path=[{"wildcard": r"dir/a\*c*"}]),
        detail(tags={"key": ["env"], "value": ["shop"]}),
        {"$or": [{"source": ["aws.s3"]}, detail(count=[6])]},
        {"source": {"nested": ["x"]}},
    ],
)
def test_an_event_does_not_fit(pattern: dict[str, Any]) -> None:
    check(pattern)
    assert not matches(pattern, EC2)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ({}, "the pattern is empty"),
        ({"detail": {}}, "detail is empty"),
        ({"source": "aws.ec2"}, "source takes a list of values to match, not 'aws.ec2'"),
        ({"source": []}, "source takes a list"),
        ({"source": [["x"]]}, r"source cannot match \['x'\]"),
        (detail(ip=[{"cidr": "10.0.0.0/8"}]), "detail.ip: 'cidr' is not supported"),
        (detail(a=[{"prefix": "x", "suffix": "y"}]), "detail.a: an operator stands alone"),
        (detail(a=[{"prefix": 3}]), "detail.a: prefix cannot take 3"),
        (detail(a=[{"numeric": [">"]}]), "numeric cannot take"),
        (detail(a=[{"numeric": ["!", 3]}]), "numeric cannot take"),
        (detail(a=[{"numeric": [">", "3"]}]), "numeric cannot take"),
        (detail(a=[{"exists": "yes"}]), "exists cannot take 'yes'"),
        (detail(a=[{"anything-but": []}]), "anything-but cannot take"),
        (detail(a=[{"anything-but": {"numeric": [">", 3]}}]), "anything-but cannot take"),
        (detail(a=[{"wildcard": "a**b"}]), "wildcard cannot take"),
        (detail(a=[{"wildcard": r"a\b"}]), "wildcard cannot take"),
        ({"$or": [{"a": [1]}]}, r"\$or takes a list of two patterns or more"),
        ({"$or": [{"a": [1]}, 2]}, r"\$or takes patterns, not 2"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_with_its_place(pattern: dict[str, Any], why: str) -> None:
    with pytest.raises(PatternError, match=why):
        check(pattern)


def test_a_filter_policy_has_no_wildcards() -> None:
    with pytest.raises(PatternError, match="'wildcard' is not supported"):
        check({"kind": [{"wildcard": "a*"}]}, SNS_OPERATORS)
