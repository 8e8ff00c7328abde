"""The life of a Lambda's process up to the end of its first event; writes down what was loaded when.

    python one_invocation.py HANDLER EVENT_FILE REPORT_FILE

Run by an interpreter that sees a package and the standard library, nothing else.
"""

import importlib
import json
import sys
import time
from pathlib import Path

MEMORY_MB = 1024
TIMEOUT_MS = 60_000


class Context:
    """What the handlers read of Lambda's context."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    memory_limit_in_mb = str(MEMORY_MB)

    def __init__(self, function_name: str) -> None:
        self.function_name = f"updraft-cold-{function_name}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return TIMEOUT_MS


def loaded() -> dict[str, object]:
    """The modules there are, and the processor time it took: waiting for AWS does not count."""
    return {"modules": sorted(sys.modules), "cpu_ms": round(time.process_time() * 1000)}


def main(handler: str, event_file: str, report_file: str) -> None:
    event = json.loads(Path(event_file).read_text())
    module, _, function = handler.rpartition(".")
    handle = getattr(importlib.import_module(module), function)
    imported = loaded()
    answer = handle(event, Context(function))
    report = {"imported": imported, "answered": loaded(), "answer": answer}
    Path(report_file).write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
