"""Replays the recorded cases of the experimental API against a server, or an app in this process.

A case is a list of steps, ``{"request", "response", ...}``. Requests and expectations hold tokens for
values that are new each time (``{uid}``, ``{d1}``, ``{day1}``, ``{future1}``, ``{x*250}``; moments with an
offset ``{d1@+02:00}`` and a form ``{d1:sp}``) and references to earlier answers
(``${made.body.execution_date|q}``, percent-encoded with ``|q``). ``matching`` knows the placeholders.
"""

import json
import random
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from tests.contract.matching import differences, text_fits
from tests.scripted.asking import Answer, Repeat, Send, one_after_another

CASES = Path(__file__).parent / "cases"
_POLL_INTERVAL_SECONDS = 0.1  # shorter than the recorded ones: those were for a slower server

Case = dict[str, Any]
Step = dict[str, Any]


class Pace(Protocol):
    """How time passes for a replay."""

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""

    def wait_for_new_second(self) -> None:
        """Let time pass until a clock second has just begun."""


class RealPace:
    """The wall clock."""

    def sleep(self, seconds: float) -> None:
        """See ``Pace``."""
        time.sleep(seconds)

    def wait_for_new_second(self) -> None:
        """See ``Pace``."""
        time.sleep(1.02 - time.time() % 1)


def cases(*files: str) -> Iterator[tuple[str, Case]]:
    """The cases of these files (all without an argument) by ``file/name``."""
    for path in sorted(CASES.glob("*.json")):
        if not files or path.stem in files:
            for case in json.loads(path.read_text()):
                yield f"{path.stem}/{case['name']}", case


def replay(case: Case, send: Send, pace: Pace, repeat: Repeat = one_after_another) -> list[str]:
    """What differs from the case, step by step; nothing if all is as asked."""
    values = _Values()
    found = []
    for number, step in enumerate(case["steps"], start=1):
        name = step.get("name", str(number))
        problems = _play(step, name, values, send, pace, repeat)
        found += [
            f"{name} {step['request']['method']} {step['request']['path']}: {text}" for text in problems
        ]
    return found


def _play(step: Step, name: str, values: "_Values", send: Send, pace: Pace, repeat: Repeat) -> list[str]:
    if step.get("align_second"):
        pace.wait_for_new_second()
    pace.sleep(step.get("sleep", 0))
    timeout = step.get("poll", {}).get("timeout", 0)
    waited = 0.0
    while True:
        answer = _sent(step, values, send, repeat)
        wanted = values.filled(step["response"])
        problems = list(_problems(wanted, answer, subset=step.get("subset", False)))
        if not problems or waited >= timeout:
            values.answers[name] = answer
            return problems
        pace.sleep(_POLL_INTERVAL_SECONDS)
        waited += _POLL_INTERVAL_SECONDS


def _sent(step: Step, values: "_Values", send: Send, repeat: Repeat) -> Answer:
    request = values.filled(step["request"])
    body, headers = request.get("body"), dict(request.get("headers", {}))
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")

    def ask() -> Answer:
        return send(request["method"], request["path"], headers, (body or "").encode())

    if "parallel" not in step:
        return ask()
    statuses = sorted(answer.status for answer in repeat(ask, step["parallel"]))
    return Answer(status=200, headers={}, body={"ok": statuses.count(200), "statuses": statuses})


def _problems(wanted: Mapping[str, Any], answer: Answer, *, subset: bool) -> Iterator[str]:
    statuses = wanted.get("status_any") or [wanted["status"]]
    if answer.status not in statuses:
        yield f"status: wanted {statuses}, got {answer.status} {answer.body!r}"
    for name, text in wanted.get("headers", {}).items():
        if not _header_fits(name.lower(), text, answer.headers.get(name.lower(), "")):
            yield f"{name}: wanted {text!r}, got {answer.headers.get(name.lower())!r}"
    if wanted.get("json_error") and answer.status >= 400 and not _is_json_error(answer.body):
        yield f'body: wanted {{"error": ...}}, got {answer.body!r}'
    if "body" in wanted:
        yield from differences(wanted["body"], answer.body, subset=subset)


def _header_fits(name: str, wanted: str, got: str) -> bool:
    if name == "content-type":
        return got.split(";")[0] == wanted.split(";")[0]
    if name == "allow":
        return set(got.split(", ")) == set(wanted.split(", "))
    return text_fits(wanted, got)


def _is_json_error(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("error"), str) and bool(body["error"])


_TOKEN = re.compile(
    r"\{(?:(?P<uid>uid)|x\*(?P<count>\d+)"
    r"|(?P<moment>(?P<kind>d|day|future)(?P<number>\d+))(?:@(?P<offset>[+-]\d\d:\d\d))?(?::(?P<form>\w+))?)\}"
)
_REFERENCE = re.compile(r"\$\{(?P<step>\w+)\.(?P<path>[\w.\[\]]+)(?P<quoted>\|q)?\}")
_FORMS = {
    None: "%Y-%m-%dT%H:%M:%S",
    "compact": "%Y%m%dT%H%M%S",
    "date": "%Y-%m-%d",
    "sp": "%Y-%m-%d %H:%M:%S",
    "time": "%H:%M:%S",
    "url": "%Y-%m-%d+%H%%3A%M%%3A%S",
}
_FIRST_YEARS = {"d": 2024, "future": 2900}


@dataclass(kw_only=True, slots=True)
class _Values:
    """The values of one replay: new ones, and what was answered."""

    uid: str = field(default_factory=lambda: secrets.token_hex(4))
    shift: timedelta = field(default_factory=lambda: timedelta(minutes=random.randrange(900_000)))
    moments: dict[str, datetime] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def filled(self, value: Any) -> Any:
        """The value with every token and reference replaced."""
        if isinstance(value, dict):
            return {self.filled(key): self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole and not whole["quoted"]:
            return self._referred(whole)
        return _REFERENCE.sub(self._referred_text, _TOKEN.sub(self._new, value))

    def _referred(self, reference: re.Match[str]) -> Any:
        names = re.findall(r"\w+", reference["path"])
        value: Any = getattr(self.answers[reference["step"]], names[0])
        for name in names[1:]:
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value

    def _referred_text(self, reference: re.Match[str]) -> str:
        text = str(self._referred(reference))
        return quote(text, safe="") if reference["quoted"] else text

    def _new(self, token: re.Match[str]) -> str:
        if token["uid"]:
            return self.uid
        if token["count"]:
            return "x" * int(token["count"])
        moment = self._moment(token)
        if token["offset"]:
            sign = 1 if token["offset"][0] == "+" else -1
            hours, minutes = map(int, token["offset"][1:].split(":"))
            moment = moment.astimezone(timezone(sign * timedelta(hours=hours, minutes=minutes)))
        plain_day = token["kind"] == "day" and token["form"] is None
        return moment.strftime(_FORMS["date" if plain_day else token["form"]])

    def _moment(self, token: re.Match[str]) -> datetime:
        """Later for a greater number; a ``day`` is a midnight before 2024."""
        if token["kind"] == "day":
            made = datetime(1971, 1, 1, tzinfo=UTC) + timedelta(days=random.randrange(19_000))
        else:
            start = datetime(_FIRST_YEARS[token["kind"]], 2, 1, tzinfo=UTC)
            step = timedelta(minutes=61 * int(token["number"]), seconds=random.randrange(1, 60))
            made = start + self.shift + step
        return self.moments.setdefault(token["moment"], made)
