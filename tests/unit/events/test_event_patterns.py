"""Event patterns, with the examples of AWS's documentation where it has one."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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


class CountedText(str):
    """A text that counts how many of its characters were searched."""

    searched = 0

    def find(self, piece: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]  # str's also takes other indices
        """As ``str.find``, which takes a time that grows with what it searches."""
        stop = len(self) if end is None else end
        found = super().find(piece, start, stop)
        self.searched += (stop if found < 0 else found + len(piece)) - start
        return found


def fits(text: str, wildcard: str) -> bool:
    pattern = detail(a=[{"wildcard": wildcard}])
    check(pattern)
    return matches(pattern, {"detail": {"a": text}})


WILDCARDS = (
    st.lists(st.sampled_from(["a", "b", "\\*", "\\\\", "*"]), max_size=8)
    .filter(lambda parts: ("*", "*") not in pairwise(parts))
    .map("".join)
)


@given(WILDCARDS, st.text("ab*\\", max_size=10))
@example("*a*a*", "a")
@example("a*a", "a")
@example("a*", "")
@example("", "")
@example("*", "")
@example("ab*ba", "aba")
def test_a_wildcard_fits_as_its_definition_says(wildcard: str, text: str) -> None:
    expression = "".join(
        ".*" if part == "*" else re.escape(part[-1]) for part in re.findall(r"\\[*\\]|.", wildcard, re.DOTALL)
    )
    assert fits(text, wildcard) is (re.fullmatch(expression, text, re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("wildcard", "text"),
    [
        ("orders/*/*.csv", "/" * 256_000),
        ("orders/*/*.csv", "orders" + "/" * 256_000),
        ("orders/*/*.csv", "orders" + "/" * 256_000 + ".csv"),
        ("*a*a*a*a*a*a*a*a*b", "a" * 256_000),
        ("*ab" * 200 + "*", "a" * 256_000),
        ("*ab" * 200 + "*", "ab" * 128_000),
        ("a*" * 1000 + "b", "a" * 256_000 + "b"),
        ("*" + "a" * 1000 + "*", ("a" * 999 + "b") * 256),
    ],
)
def test_each_character_of_a_text_is_searched_once_whatever_the_wildcard(wildcard: str, text: str) -> None:
    counted = CountedText(text)
    fits(counted, wildcard)
    assert counted.searched <= len(text)
