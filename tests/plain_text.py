"""What pytest says of failed tests as plain text: in its own output, and in a file that stays."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

FAILED_TESTS = Path("out") / "failed-tests.txt"
"""Where what failed in the last run that failed is kept, seen from the project's root."""

LINES_AT_EACH_END = 200
"""How many lines of what a test printed or logged are shown of its begin, and of its end."""

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def plain(text: str) -> str:
    """A text without colours; other control characters and halves of characters are written as escapes."""
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _NO_TEXT.sub(lambda found: ascii(found[0])[1:-1], lines)


def shortened(text: str) -> str:
    """A text with its middle left out, if it has far more lines than anybody reads."""
    lines = text.splitlines(keepends=True)
    left_out = len(lines) - 2 * LINES_AT_EACH_END
    if left_out <= 0:
        return text
    return "".join(
        (*lines[:LINES_AT_EACH_END], f"... {left_out} lines left out ...\n", *lines[-LINES_AT_EACH_END:])
    )


def make_plain(report: pytest.TestReport) -> None:
    """Have a report say in plain text why its test failed and what was captured of it."""
    report.sections = [(title, shortened(plain(content))) for title, content in report.sections]
    if report.failed and plain(report.longreprtext) != report.longreprtext:
        report.longrepr = plain(report.longreprtext)


def keep_failures(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what failed to the file, if anything did, and say so."""
    failed = [*reporter.stats.get("failed", ()), *reporter.stats.get("error", ())]
    if not failed:
        return
    file = config.rootpath / FAILED_TESTS
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(_text_of(failed, config)) + "\n")
    reporter.write_line(f"What failed is kept in {FAILED_TESTS}")


def _text_of(failed: list[pytest.TestReport | pytest.CollectReport], config: pytest.Config) -> Iterator[str]:
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, Python {sys.version.split()[0]}"
    yield f"pytest {' '.join(config.invocation_params.args)}"
    yield f"--randomly-seed={config.getoption('randomly_seed', None)}"
    yield ""
    yield from (f"{report.nodeid}: {report.when}" for report in failed)
    for report in failed:
        yield f"\n{'=' * 100}\n{report.nodeid}: {report.when}\n\n{plain(report.longreprtext)}"
        for title, content in report.sections:
            yield f"\n--- {title} ---\n{content}"
