"""Values too large for an item of DynamoDB and for a message of SQS."""

import hashlib
import random

from tests.integration.server.server import Server

CHARACTERS = 600_000


def test_a_large_conf_reaches_the_task_and_a_large_xcom_the_next(server: Server) -> None:
    text = "".join(random.choices("abcdefghij\u00e4\u20ac\n", k=CHARACTERS))
    run = server.api.trigger("large", conf={"text": text})
    assert run.ends() == "success"
    log = server.command_line("tasks", "logs", "large", "digest", run.execution_date)
    assert f"{CHARACTERS} characters, {hashlib.sha256(text[::-1].encode()).hexdigest()}" in log
