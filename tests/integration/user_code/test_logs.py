"""What a try prints and logs, by whatever means, is kept in its order and without secrets."""

import json
import logging
from datetime import timedelta

import pytest

from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.variables import StoredVariable
from tests.integration.user_code.trying import Tried, said

LONG = timedelta(minutes=15)


def test_prints_logs_and_what_children_print_are_kept_in_their_order(tried: Tried) -> None:
    report = tried.once(
        """
        import logging, subprocess

        def work():
            print("print")
            subprocess.run(["bash", "-c", "echo a child; echo its error >&2"])
            logging.getLogger("of.mine").warning("log %s", 1)
            os.write(1, b"descriptor 1\\n")
            sys.stderr.write("stderr\\n")
            os.write(2, b"descriptor 2\\n")
            sys.stdout.buffer.write(b"bytes: \\xff\\n")
            os.system("echo by system")
            logging.getLogger("of.mine").debug("not this")
            print("no line end", end="")
        """
    )
    assert said(report) == [
        "print",
        "a child",
        "its error",
        "log 1",
        "descriptor 1",
        "stderr",
        "descriptor 2",
        "bytes: \\xff",
        "by system",
        "Done. Returned value was: None",
        "no line end",
    ]


def test_what_a_file_prints_when_it_is_loaded_is_in_the_log_of_the_first_try(tried: Tried) -> None:
    tried.write("print('loading')\nos.system('echo in a child')\n\ndef work():\n    print('working')\n")
    tried.settle()
    done = "Done. Returned value was: None"
    assert said(tried.run()) == ["loading", "in a child", "working", done]
    assert said(tried.run()) == ["working", done]


def test_the_worker_logs_the_same_lines_with_level_name_and_fields(
    tried: Tried, caplog: pytest.LogCaptureFixture
) -> None:
    tried.once(
        """
        import logging

        def work():
            logging.getLogger("of.mine").error("bad %s", "day", extra={"rows": 7})
        """
    )
    (record,) = [record for record in caplog.records if record.name == "of.mine"]
    assert (record.levelno, record.getMessage(), vars(record)["rows"]) == (logging.ERROR, "bad day", 7)
    assert record.filename == "tried.py"


SHOWS_THE_SECRET = {
    "print": "print(secret)",
    "log": "logging.error('it is %s', secret)",
    "an exception": "logging.exception('x', exc_info=ValueError(secret))",
    "the stack": "exec('def f(): logging.error(\"x\", stack_info=True)'); f()",
    "a child": "subprocess.run(['bash', '-c', 'echo $S; echo $S >&2'], env={'S': secret})",
    "a child without a line end": "subprocess.run(['bash', '-c', 'printf %s $S'], env={'S': secret})",
    "pieces": "[(os.write(1, letter.encode()), time.sleep(0.001)) for letter in secret]",
    "an unfinished line": "os.write(2, secret.encode())",
    "BashOperator": "BashOperator(task_id='b', bash_command='echo $S', env={'S': secret}).execute(context)",
    "the result": "return {'value': secret}",
    "the end": "raise ValueError(secret)",
    "a crash": "os.write(2, secret.encode()); os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("how", SHOWS_THE_SECRET.values(), ids=SHOWS_THE_SECRET)
def test_a_secret_that_a_try_learns_is_in_none_of_its_output(
    tried: Tried, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    tried.store.variables.save(StoredVariable(key="api_token", value="tolstoy-1869"))
    report = tried.once(
        f"""
        import logging, subprocess
        from airflow.models import Variable

        def work(**context):
            secret = Variable.get("api_token")
            {how}
        """
    )
    assert b"tolstoy" not in report.log
    assert "tolstoy" not in report.outcome.reason
    assert "tolstoy" not in caplog.text
    if how != SHOWS_THE_SECRET["the stack"]:
        assert b"***" in report.log


def test_what_is_masked_at_once_and_what_a_file_masks_when_it_is_loaded_is_hidden(tried: Tried) -> None:
    tried.write(
        """
        from airflow.utils.log.secrets_masker import mask_secret, redact

        mask_secret("of-the-file")

        def work():
            print("of-the-file")
            for number in range(200):
                secret = f"secret-number-{number}"
                mask_secret(secret)
                os.write(1, f"{secret}\\n".encode())
            assert redact("of-the-file") == "***"
        """
    )
    tried.settle()
    for _ in range(2):
        report = tried.run()
        assert report.outcome.result is TryResult.SUCCESS
        assert set(said(report)) == {"***", "Done. Returned value was: None"}


def test_secrets_of_the_environment_are_hidden_although_nobody_asked_for_them(tried: Tried) -> None:
    tried.environ |= {
        "AIRFLOW_VAR_API_TOKEN": "the-token",
        "AIRFLOW_VAR_CITY": "Ulm",
        "AIRFLOW_VAR_JSON": '{"password": "in-json", "host": "mild"}',
        "AIRFLOW_CONN_DB": "postgres://leo:kare%40nina@host/db",
        "AIRFLOW_CONN_API": json.dumps({"password": "of-conn", "extra": json.dumps({"token": "of-extra"})}),
        "AIRFLOW__WEBSERVER__SECRET_KEY": "flask-key",
        "AWS_SECRET_ACCESS_KEY": "given-to-tasks",
    }
    report = tried.once(
        "def work():\n    os.system('env')\n    print('kare@nina the-token in-json of-conn of-extra')\n"
    )
    text = report.log.decode()
    of_variables, of_connections = (
        {"the-token", "in-json"},
        {"kare%40nina", "kare@nina", "of-conn", "of-extra"},
    )
    secrets = of_variables | of_connections | {"flask-key", "given-to-tasks"}
    assert {secret for secret in secrets if secret in text} == set()
    assert "AIRFLOW_VAR_CITY=Ulm" in text
    assert "mild" in text


def test_the_workers_credentials_are_hidden_wherever_they_come_from(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj")
    report = tried.once("def work():\n    print('wJalrXUtnFEMI/' + 'K7MDENG', 'IQoJb3JpZ2lu' + 'X2Vj')\n")
    assert said(report)[0] == "*** ***"


def test_a_flood_is_cut_and_holds_nobody_up(tried: Tried) -> None:
    report = tried.once(
        "import subprocess\n\ndef work():\n"
        "    subprocess.run('yes $(printf %0999d 0) | head -c 12000000', shell=True)\n",
        time_left=LONG,
    )
    assert report.outcome.result is TryResult.SUCCESS
    assert report.log.endswith(b"too long to keep\n")
    assert len(report.log) < 10_100_000


def test_a_line_that_never_ends_is_kept(tried: Tried) -> None:
    report = tried.once("def work():\n    os.write(1, b'x' * 3_000_000)\n    print('end')\n")
    assert report.outcome.result is TryResult.SUCCESS
    assert report.log.count(b"x") >= 3_000_000


def test_of_a_secret_at_the_cut_of_a_long_reason_no_part_shows(tried: Tried) -> None:
    report = tried.once(
        """
        from airflow.utils.log.secrets_masker import mask_secret

        def work():
            mask_secret("tolstoy-1869")
            raise ValueError("x" * 480 + "tolstoy-1869")
        """
    )
    assert report.outcome.reason == f"ValueError: {'x' * 480}***"
