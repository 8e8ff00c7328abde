"""What EventBridge and SNS do not take of a pattern is refused where it is declared."""

from typing import Any

import pytest

from chalicelib.events.declarations import DeclarationError, parse_declarations
from chalicelib.events.limits import check_filter_policy, check_rule
from chalicelib.events.patterns import PatternError

RULE = '[[event]]\ndag_id = "a"\nsource = "eventbridge"\npattern = { detail = { n = [VALUE] } }\n'
TOPIC = '[[event]]\ndag_id = "a"\nsource = "sns"\ntopic = "t"\nattributes = { n = [VALUE] }\n'
OWN = '[[event]]\ndag_id = "a"\nsource = "sqs"\nattributes = { n = [VALUE] }\n'


def numeric(*operand: Any) -> dict[str, Any]:
    return {"n": [{"numeric": list(operand)}]}


@pytest.mark.parametrize(
    "operand",
    [
        ("<", 5),
        ("=", -0.000001),
        (">", 0, "<=", 5_000_000_000),
        (">=", -5e9, "<", 5e9),
        (">", 1.5),
        ("=", 1.50000000),
        ("<", 300),
    ],
)
def test_a_rule_takes_a_bound_or_a_lower_and_an_upper_one(operand: tuple[Any, ...]) -> None:
    check_rule(numeric(*operand))


@pytest.mark.parametrize(
    ("operand", "says"),
    [
        (("<", 5, "<", 2), "n: numeric takes a lower and then an upper bound"),
        (("<", 5, ">", 2), "n: numeric takes a lower and then an upper bound"),
        (("=", 5, "<", 9), "n: numeric takes a lower and then an upper bound"),
        ((">", 2, "=", 5), "n: numeric takes a lower and then an upper bound"),
        ((">", 5, "<", 5), "n: no number is > 5 and < 5"),
        ((">=", 9, "<", 5), "n: no number is >= 9 and < 5"),
        (
            ("<", 5_000_000_001),
            "n: EventBridge compares numbers from -5000000000 to 5000000000, and 5000000001",
        ),
        ((">", -5.1e9), "n: EventBridge compares numbers"),
        (("=", float("nan")), "n: EventBridge compares numbers"),
        (("=", float("inf")), "n: EventBridge compares numbers"),
        (("=", 0.0000001), "n: EventBridge compares 6 decimals, and 1e-07 has more"),
    ],
)
def test_a_rule_takes_no_other_numbers(operand: tuple[Any, ...], says: str) -> None:
    with pytest.raises(PatternError, match=says):
        check_rule(numeric(*operand))


def test_numbers_are_looked_at_wherever_they_are() -> None:
    wrong = numeric("<", 6e9)
    for pattern in (
        {"detail": wrong},
        {"$or": [{"a": [1]}, {"detail": {"deep": wrong}}]},
        {"n": [{"anything-but": 6_000_000_000}]},
        {"n": [{"anything-but": [1, 6_000_000_000]}]},
    ):
        with pytest.raises(PatternError, match="EventBridge compares numbers"):
            check_rule(pattern)
    check_rule({"account": [123456789012]})  # compared as it is written


def test_a_list_of_what_is_excluded_has_texts_or_numbers() -> None:
    with pytest.raises(PatternError, match="n: anything-but takes texts or numbers, not both"):
        check_rule({"n": [{"anything-but": ["a", 1]}]})


@pytest.mark.parametrize("excluded", [{"prefix": ""}, {"suffix": ""}, {"prefix": ["a", ""]}])
def test_what_begins_with_nothing_is_all_there_is(excluded: dict[str, Any]) -> None:
    with pytest.raises(PatternError, match=r"n: anything-but of an empty (prefix|suffix) leaves nothing"):
        check_rule({"n": [{"anything-but": excluded}]})


@pytest.mark.parametrize(("characters", "fits"), [(2048, True), (2049, False)])
def test_the_pattern_of_a_rule_is_as_long_as_eventbridge_takes_it(characters: int, fits: bool) -> None:
    pattern = {"source": ["x" * (characters - len('{"source": [""]}'))]}
    if fits:
        check_rule(pattern)
        return
    with pytest.raises(
        PatternError, match="it has 2049 characters as JSON, and EventBridge takes 2048: make sev"
    ):
        check_rule(pattern)


def values(count: int) -> list[Any]:
    return [f"v{number}" for number in range(count)]


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {f"k{number}": ["a"] for number in range(5)},
        {"a": values(10), "b": values(15)},
        {"a": values(150)},
        {"$or": [{"a": values(70)}, {"b": values(80)}]},
        {"n": [{"anything-but": {"prefix": "a"}}, {"anything-but": ["a", "b"]}, {"suffix": "b"}]},
        numeric(">", -1_000_000_000, "<=", 0.00001),
    ],
)
def test_a_filter_policy_that_sns_takes(pattern: dict[str, Any]) -> None:
    check_filter_policy(pattern)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ({f"k{number}": ["a"] for number in range(6)}, "it has 6 keys, and SNS takes 5"),
        ({"$or": [{"a": [1], "b": [1], "c": [1]}, {"d": [1], "e": [1], "f": [1]}]}, "it has 6 keys"),
        ({"a": values(10), "b": values(16)}, "it has 160 combinations .* takes 150"),
        ({"a": values(151)}, "it has 151 combinations"),
        ({"$or": [{"a": values(75)}, {"b": values(76)}]}, "it has 151 combinations"),
        ({"$or": [{"a": values(5)}, {"b": values(5)}], "c": values(16)}, "it has 160 combinations"),
        ({"a": ["x" * 262_140]}, "it has 262151 bytes as JSON, and SNS takes 262144"),
        (numeric("<", 1_000_000_001), "n: SNS compares numbers from -1000000000 to 1000000000"),
        (numeric("<", 0.000001), "n: SNS compares 5 decimals"),
        (numeric("<", 5, "<", 2), "a lower and then an upper bound"),
        ({"n": [{"anything-but": {"suffix": "a"}}]}, "of SNS anything-but takes values or {prefix"),
        ({"n": [{"anything-but": {"prefix": ["a", "b"]}}]}, "of SNS anything-but takes values or {prefix"),
    ],
)
def test_a_filter_policy_that_sns_does_not_take(pattern: dict[str, Any], says: str) -> None:
    with pytest.raises(PatternError, match=says):
        check_filter_policy(pattern)


@pytest.mark.parametrize(
    ("entry", "value", "says"),
    [
        (RULE, '{ numeric = ["<", 5, "<", 2] }', r"event 1 \(a\): pattern: detail.n: numeric takes a lower"),
        (RULE, "{ numeric = ['<', 6e9] }", r"event 1 \(a\): pattern: detail.n: EventBridge compares"),
        (TOPIC, "{ numeric = ['<', 2e9] }", r"event 1 \(a\): attributes: n: SNS compares"),
        (TOPIC, "{ anything-but = { wildcard = 'a*' } }", "n: anything-but of 'wildcard' is not supported"),
        (TOPIC, ", ".join(map(str, range(151))), "it has 151 combinations"),
    ],
)
def test_what_is_refused_names_its_declaration(entry: str, value: str, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        parse_declarations(entry.replace("VALUE", value))


def test_a_prefix_and_a_suffix_that_are_too_long_for_a_rule_are_refused() -> None:
    long = "x" * 1024
    entry = f'[[event]]\ndag_id = "a"\nsource = "s3"\nbucket = "abc"\nprefix = "{long}"\nsuffix = "{long}"\n'
    with pytest.raises(DeclarationError, match=r"event 1 \(a\): pattern: it has 2\d\d\d characters"):
        parse_declarations(entry)


def test_attributes_have_no_fields_in_alternatives_either() -> None:
    entry = TOPIC.replace("n = [VALUE]", "'$or' = [{ a = ['x'] }, { b = { c = ['x'] } }]")
    with pytest.raises(DeclarationError, match="attributes: an attribute takes a list of values to match"):
        parse_declarations(entry)


@pytest.mark.parametrize("value", ["{ numeric = ['<', 6e9] }", ", ".join(map(str, range(151)))])
def test_messages_of_our_own_queue_pass_no_filter_of_awss(value: str) -> None:
    assert len(parse_declarations(OWN.replace("VALUE", value))) == 1
