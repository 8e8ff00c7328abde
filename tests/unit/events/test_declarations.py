"""The file that says which event triggers which DAG."""

import os
from pathlib import Path

import pytest

from chalicelib.events.declarations import (
    DeclarationError,
    EventPattern,
    QueueMessages,
    S3Objects,
    TopicMessages,
    declarations_of,
    parse_declarations,
    read_declarations,
)
from chalicelib.settings import Settings

ROOT = Path(__file__).parents[3]

ALL = """
[[event]]
dag_id = "load"
source = "s3"
bucket = "acme-incoming"
prefix = "orders/"
suffix = ".csv"
conf = { key = "detail.object.key", size = "detail.object.size", strict = true }

[[event]]
dag_id = "fulfil"
source = "eventbridge"
bus = "shop"
[event.pattern]
source = ["acme.shop"]
detail.total = [{ numeric = [">", 100] }]

[[event]]
dag_id = "page"
source = "sns"
topic = "arn:aws:sns:eu-west-1:123456789012:acme-alerts"
attributes = { severity = ["high", { prefix = "crit" }] }

[[event]]
dag_id = "greet"
source = "sqs"
"""


def test_an_entry_of_each_source_is_read() -> None:
    load, fulfil, page, greet = parse_declarations(ALL)
    assert load.filter == S3Objects(bucket="acme-incoming", prefix="orders/", suffix=".csv")
    assert fulfil.filter == EventPattern(
        bus="shop", pattern={"source": ["acme.shop"], "detail": {"total": [{"numeric": [">", 100]}]}}
    )
    assert page.filter == TopicMessages(
        topic="arn:aws:sns:eu-west-1:123456789012:acme-alerts",
        attributes={"severity": ["high", {"prefix": "crit"}]},
    )
    assert greet.filter == QueueMessages()
    assert [each.dag_id for each in (load, fulfil, page, greet)] == ["load", "fulfil", "page", "greet"]
    assert page.label == "events.toml, event 3 (page)"


def test_an_entry_may_change_a_dataset_with_an_extra_of_the_event() -> None:
    with_extra, without = parse_declarations(
        """
[[event]]
dataset = "s3://shop/prices"
source = "sqs"
extra = { who = "body.who", n = 1 }

[[event]]
dataset = "stock"
source = "sqs"
"""
    )
    assert (with_extra.dag_id, with_extra.dataset) == (None, "s3://shop/prices")
    assert with_extra.label == "events.toml, event 1 (s3://shop/prices)"
    assert with_extra.conf.build({"body": {"who": "Ada"}}) == {"who": "Ada", "n": 1}
    assert without.conf.build({"body": 5}) == {"event": {"body": 5}}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ('dataset = "a"\ndag_id = "b"', "it names a DAG and a dataset"),
        ('dataset = "a b"', "dataset cannot be 'a b'"),
        ("dataset = 5", "dataset has to be a text"),
        ('dataset = "a"\nconf = {}', "conf is unknown; there are attributes, dataset, extra, source"),
        ('dag_id = "a"\nextra = {}', "extra is unknown; there are attributes, conf, dag_id, source"),
    ],
)
def test_an_entry_has_one_target(fields: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        parse_declarations(f'[[event]]\nsource = "sqs"\n{fields}\n')


def test_a_conf_is_searched_for_in_the_event_and_literals_stand_for_themselves() -> None:
    load = parse_declarations(ALL)[0]
    event = {"detail": {"object": {"key": "orders/a.csv"}}}
    assert load.conf.build(event) == {"key": "orders/a.csv", "size": None, "strict": True}


def test_without_a_conf_the_run_is_given_the_whole_event() -> None:
    greet = parse_declarations(ALL)[3]
    assert greet.conf.build({"body": "x"}) == {"event": {"body": "x"}}


@pytest.mark.parametrize(
    ("prefix", "suffix", "key"),
    [
        ("", "", None),
        ("a/", "", [{"prefix": "a/"}]),
        ("", ".csv", [{"suffix": ".csv"}]),
        ("a*\\", ".csv", [{"wildcard": "a\\*\\\\*.csv"}]),
    ],
)
def test_a_bucket_is_filtered_by_a_pattern_of_eventbridge(
    prefix: str, suffix: str, key: list[dict[str, str]] | None
) -> None:
    detail = {"bucket": {"name": ["incoming"]}, **({"object": {"key": key}} if key else {})}
    assert S3Objects(bucket="incoming", prefix=prefix, suffix=suffix).pattern == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": detail,
    }


def entry(text: str, dag_id: str = "load") -> str:
    return f'[[event]]\ndag_id = "{dag_id}"\n{text}'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[event]", r"^events\.toml is not TOML"),
        ("[event]\n", r"takes \[\[event\]\] entries and nothing else"),
        ("title = 1\n", r"takes \[\[event\]\] entries and nothing else"),
        ("event = [1]\n", r"event 1: an \[\[event\]\] is a table"),
        ('[[event]]\nsource = "s3"', "event 1: dag_id is missing"),
        ('[[event]]\ndag_id = 3\nsource = "s3"', "event 1: dag_id has to be a text"),
        (entry(""), r"event 1 \(load\): source is missing"),
        (entry('source = "kafka"'), "source is 'kafka'; there are s3, eventbridge, sns, sqs"),
        (entry('source = "s3"'), "bucket is missing"),
        (entry('source = "s3"\nbucket = "No_Bucket"'), "bucket cannot be 'No_Bucket'"),
        (entry('source = "s3"\nbucket = "abc"\nprefixx = "a"'), "prefixx is unknown; there are bucket"),
        (entry('source = "s3"\nbucket = "abc"\nprefix = 3'), "prefix has to be a text"),
        (
            entry('source = "s3"\nbucket = "abc"\ndetail_types = ["Created"]'),
            "detail_types takes a list of Object ACL Updated",
        ),
        (entry('source = "eventbridge"'), "pattern is missing"),
        (entry('source = "eventbridge"\npattern = "x"'), "pattern has to be a table"),
        (
            entry('source = "eventbridge"\npattern = { source = "x" }'),
            "pattern: source takes a list of values to match",
        ),
        (entry('source = "eventbridge"\npattern = { a = [1] }\nbus = "no bus"'), "bus cannot be 'no bus'"),
        (entry('source = "sns"\ntopic = "arn:aws:sqs:x"'), "topic cannot be"),
        (
            entry('source = "sns"\ntopic = "t"\nattributes = { a = { b = [1] } }'),
            "an attribute takes a list of values",
        ),
        (
            entry('source = "sqs"\nattributes = { a = [{ wildcard = "x" }] }'),
            "attributes: a: 'wildcard' is not supported",
        ),
        (entry('source = "sqs"\nconf = "x"'), "conf has to be a table"),
        (
            entry('source = "sqs"\nconf = { who = "body." }'),
            "conf who is 'body.', which is no JMESPath expression",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_and_the_entry_named(text: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        parse_declarations(text)


def test_a_file_that_is_not_there_is_only_missed_when_it_was_asked_for(tmp_path: Path) -> None:
    dags = {"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)}
    assert declarations_of(Settings.from_environ(dags)) == ()
    named = Settings.from_environ({**dags, "UPDRAFT__EVENTS__FILE": str(tmp_path / "mine.toml")})
    with pytest.raises(DeclarationError, match="UPDRAFT__EVENTS__FILE"):
        declarations_of(named)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    settings = Settings.from_environ({"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)})
    file = tmp_path / "events.toml"
    file.write_text(entry('source = "sqs"'))
    assert [each.dag_id for each in declarations_of(settings)] == ["load"]
    file.write_text(entry('source = "sqs"', dag_id="other"))
    os.utime(file, ns=(1, 1))
    assert [each.dag_id for each in declarations_of(settings)] == ["other"]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DeclarationError, match="cannot be read"):
        read_declarations(tmp_path / "events.toml")


def test_the_shipped_file_is_valid() -> None:
    assert read_declarations(ROOT / "chalicelib" / "dags" / "events.toml")
