"""However a try ends, the worker knows it at once, says why, and keeps what it has logged."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.variables import StoredVariable
from chalicelib.user_code import fork_server_client, frames
from chalicelib.user_code.watch import GRACE
from tests.integration.user_code.trying import Tried, is_alive, said

LONG = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os._exit(3)", "its process ended with exit status 3 before the task was over"),
        ("os._exit(0)", "its process ended with exit status 0 before the task was over"),
        (
            "os.kill(os.getpid(), 9)",
            "its process was killed by SIGKILL, as happens when memory runs out",
        ),
        ("ctypes.string_at(0)", "its process was killed by SIGSEGV"),
        ("os.abort()", "its process was killed by SIGABRT"),
    ],
)
def test_a_crash_fails_the_try_with_its_reason_and_the_log_is_kept(
    tried: Tried, end: str, reason: str
) -> None:
    report = tried.once(f"import ctypes\n\ndef work():\n    print('so far')\n    {end}\n", time_left=LONG)
    assert (report.outcome.result, report.outcome.reason) == (TryResult.FAILED, reason)
    assert said(report)[0] == "so far"
    assert said(report)[-1] == f"The try has failed: {reason}"


def test_of_a_crash_in_native_code_the_log_shows_where_it_was(tried: Tried) -> None:
    report = tried.once("import ctypes\n\ndef work():\n    ctypes.string_at(0)\n")
    assert "Fatal Python error: Segmentation fault" in said(report)
    assert any("in work" in line for line in said(report))


def test_what_raises_fails_as_ever(tried: Tried) -> None:
    report = tried.once("def work():\n    raise ValueError('no')\n")
    assert (report.outcome.result, report.outcome.reason) == (TryResult.FAILED, "ValueError: no")
    assert report.log.decode().endswith("in work\n    raise ValueError('no')\nValueError: no\n")


WITH_ON_KILL = """
class Killed(PythonOperator):
    def on_kill(self):
        print("on_kill was called")

PythonOperator = Killed

def work():
    print("begun")
    time.sleep(600)
"""


def test_a_try_that_runs_past_its_workers_time_is_ended_before_the_worker_is(tried: Tried) -> None:
    begun = time.monotonic()
    report = tried.once(WITH_ON_KILL, time_left=timedelta(seconds=6))
    took = time.monotonic() - begun
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason == "it was stopped after 4 s: its worker has no more time"
    lines = said(report)
    assert lines[0] == "begun"
    assert "on_kill was called" in lines
    assert f"The try is told to end: {report.outcome.reason}" in lines
    assert took < GRACE.total_seconds() + 600, "and not by itself"


def test_a_try_that_will_not_end_is_killed_after_a_grace(tried: Tried) -> None:
    report = tried.once(
        """
        import signal

        def work():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        """,
        time_left=timedelta(seconds=3),
    )
    assert report.outcome.result is TryResult.FAILED
    assert "its worker has no more time" in report.outcome.reason
    assert said(report)[-1].startswith("The try has failed: it was stopped after ")


def test_a_try_that_uses_its_grace_to_end_well_has_succeeded(tried: Tried) -> None:
    report = tried.once(
        """
        def work():
            try:
                time.sleep(600)
            except BaseException:
                return "saved"
        """,
        time_left=timedelta(seconds=6),
    )
    assert report.outcome.result is TryResult.SUCCESS
    assert tried.xcoms.returned == "saved"


def test_on_kill_is_called_when_execution_timeout_is_over(tried: Tried) -> None:
    report = tried.once(WITH_ON_KILL, arguments=", execution_timeout=timedelta(seconds=0.5)", time_left=LONG)
    assert report.outcome.reason == "AirflowTaskTimeout: Task work ran longer than 0:00:00.500000"
    assert "on_kill was called" in said(report)


def test_a_try_that_is_stopped_from_outside_is_ended_as_one_without_time(tried: Tried) -> None:
    """Asked once a second whether it goes on."""
    tried.write(WITH_ON_KILL)
    answers = iter([None, "bad failed"])
    report = tried.run(why_stopped=lambda: next(answers))
    assert report.outcome.reason == "it was stopped: bad failed"
    lines = said(report)
    assert lines[0] == "begun"
    assert "on_kill was called" in lines
    assert next(answers, "asked no more") == "asked no more"


def test_a_worker_that_is_told_to_end_ends_its_try(tried: Tried) -> None:
    tried.write(WITH_ON_KILL)
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whatever comes too early or too late
    try:
        timer = threading.Timer(2, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        report = tried.run()
        timer.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert report.outcome.reason == "its worker received SIGTERM"
    assert "on_kill was called" in said(report)


def test_ctrl_c_ends_the_try_and_then_the_command(tried: Tried) -> None:
    tried.write(
        """
        def work(dag_run):
            open(dag_run.conf["pid"], "w").write(str(os.getpid()))
            time.sleep(600)
        """
    )
    noted = tried.folder / "pid"

    def interrupt() -> None:
        while not (noted.exists() and noted.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            tried.run(conf={"pid": str(noted)})
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not is_alive(int(noted.read_text()))


BREAKS_THE_PROTOCOL = {
    "garbage": "stream.sendall(b'garbage' * 1000)",
    "a frame that never ends": "stream.sendall(b'\\0\\0\\0\\x10\\0\\0\\0\\0half'); time.sleep(600)",
    "no object": "send([])",
    "an end that is none": "send({'op': 'outcome', 'outcome': {'result': 'glorious'}})",
    "an end without a date": "send({'op': 'outcome', 'outcome': {'result': 'rescheduled'}})",
    "lineage that is no text": (
        "send({'op': 'outcome', 'outcome': {'result': 'success', 'inlets': [{}], 'outlets': []}})"
    ),
    "a long header": "stream.sendall(b'\\xff' * 8)",
}

STREAM = """
import json, socket, struct

def work():
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    for number in numbers:
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket"):
                stream = socket.socket(fileno=os.dup(number))
        except FileNotFoundError:
            pass

    def send(value):
        head = json.dumps(value).encode()
        stream.sendall(struct.pack("!II", len(head), 0) + head)

    print("so far")
"""


@pytest.mark.parametrize("sent", BREAKS_THE_PROTOCOL.values(), ids=BREAKS_THE_PROTOCOL)
def test_a_try_that_does_not_keep_to_the_protocol_fails_and_says_so(
    tried: Tried, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.user_code.watch._PATIENCE_SECONDS", 1.0)
    report = tried.once(f"{STREAM}    {sent}\n    time.sleep(600)\n")
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason.startswith("its process did not keep to the protocol: ")
    assert said(report)[0] == "so far"


def test_a_try_that_closes_all_it_was_given_fails_when_it_ends(tried: Tried) -> None:
    report = tried.once("def work():\n    print('so far')\n    os.closerange(0, 1000)\n")
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason == "its process ended with exit status 1 before the task was over"
    assert said(report)[0] == "so far"


def test_what_a_try_may_not_ask_for_is_refused(tried: Tried) -> None:
    body = f"""{STREAM}
    send({{"op": "users_list"}})
    sizes = struct.unpack("!II", stream.recv(8, socket.MSG_WAITALL))
    print(stream.recv(sizes[0]).decode())
    """
    report = tried.once(body)
    answers = [line for line in said(report) if "error" in line]
    assert answers == ['{"error": "\'users_list\' is nothing that a try can ask for"}']
    assert report.outcome.result is TryResult.SUCCESS


def test_a_large_xcom_goes_there_and_back(tried: Tried) -> None:
    tried.once(
        """
        def work(ti):
            value = "x" * 30_000_000
            ti.xcom_push("large", value)
            return ti.xcom_pull("work", key="large") == value
        """
    )
    assert tried.xcoms.returned is True


def test_an_xcom_that_is_too_large_is_refused_before_it_is_sent(tried: Tried) -> None:
    report = tried.once(f"def work():\n    return 'x' * {frames.LONGEST_BODY}\n")
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason.startswith("TooLong: 100000002 bytes are more than")


def test_processes_and_threads_of_a_try_share_its_xcoms(tried: Tried) -> None:
    report = tried.once(
        """
        import multiprocessing, threading

        def work(ti):
            def push(name):
                for number in range(20):
                    ti.xcom_push(f"{name}{number}", number)
                    assert ti.xcom_pull("work", key=f"{name}{number}") == number

            context = multiprocessing.get_context("fork")
            workers = [context.Process(target=push, args=[name]) for name in "ab"]
            workers += [threading.Thread(target=push, args=[name]) for name in "cd"]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        """
    )
    assert report.outcome.result is TryResult.SUCCESS
    assert tried.xcoms.texts.keys() == {f"{name}{number}" for name in "abcd" for number in range(20)}


def test_a_store_that_cannot_be_reached_is_told_to_user_code(tried: Tried) -> None:
    def fail(key: str, value: str) -> None:
        raise StoreUnavailable("throttled")

    tried.xcoms.push = fail  # type: ignore[method-assign]  # a fault of this store
    report = tried.once("def work():\n    return 1\n")
    assert report.outcome.reason == "StoreUnavailable: throttled"


class WorkerIsGone(BaseException):
    pass


def test_when_the_worker_itself_dies_its_try_does(tried: Tried) -> None:
    def die(key: str, value: str) -> None:
        raise WorkerIsGone(value)

    tried.xcoms.push = die  # type: ignore[method-assign]  # a fault of this store
    tried.write("def work(ti):\n    ti.xcom_push('pid', os.getpid())\n    time.sleep(600)\n")
    with pytest.raises(WorkerIsGone) as gone:
        tried.run()
    assert not is_alive(int(str(gone.value)))


def test_variables_are_read_and_written_while_loading_and_running(tried: Tried) -> None:
    tried.store.variables.save(StoredVariable(key="city", value="Ulm", description="on the Danube"))
    report = tried.once(
        """
        from airflow.models import Variable

        LOADED = Variable.get("city")

        def work():
            Variable.set("river", "Danube")
            Variable.update("city", "Linz")
            found = [LOADED, Variable.get("city"), Variable.get("river"), Variable.get("none", None)]
            Variable.delete("river")
            return found
        """
    )
    assert report.outcome.result is TryResult.SUCCESS
    assert tried.xcoms.returned == ["Ulm", "Linz", "Danube", None]
    kept = list(tried.store.variables.list())
    assert kept == [StoredVariable(key="city", value="Linz", description="on the Danube")]


def test_a_file_that_crashes_when_it_is_imported_fails_the_try_and_says_so(tried: Tried) -> None:
    report = tried.once("print('importing')\nos.kill(os.getpid(), 11)\n\ndef work():\n    pass\n")
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason == (
        "tried.py cannot be loaded: the process that loads it was killed by SIGSEGV"
    )
    assert said(report)[0] == "importing"
    assert tried.once("def work():\n    pass\n").outcome.result is TryResult.SUCCESS


def test_a_file_that_hangs_in_native_code_is_given_up_in_time(tried: Tried) -> None:
    report = tried.once(
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\ntime.sleep(600)\n\n"
        "def work():\n    pass\n",
        time_left=timedelta(seconds=3),
    )
    assert report.outcome.result is TryResult.FAILED
    assert "its worker has no more time" in report.outcome.reason


def test_a_file_that_has_changed_or_whose_module_has_is_imported_anew(tried: Tried) -> None:
    (tried.folder / "helper_of_tried.py").write_text("NAME = 'before'\n")
    tried.write("import helper_of_tried\n\ndef work():\n    return [helper_of_tried.NAME, 1, os.getppid()]\n")
    seen = []
    for change in ("", "helper", "file"):
        if change == "helper":
            (tried.folder / "helper_of_tried.py").write_text("NAME = 'afterwards'\n")
        if change == "file":
            tried.write("import helper_of_tried\n\ndef work():\n    return [helper_of_tried.NAME, 2, 0]\n")
        tried.run()
        seen.append(tried.xcoms.returned[:2])
    assert seen == [["before", 1], ["afterwards", 1], ["afterwards", 2]]


def test_a_template_that_was_killed_is_replaced(tried: Tried) -> None:
    tried.write("def work():\n    return os.getppid()\n")
    tried.settle()
    tried.run()
    first = tried.xcoms.returned
    os.kill(first, signal.SIGKILL)
    assert tried.run().outcome.result is TryResult.SUCCESS
    assert tried.xcoms.returned != first


def test_a_fork_server_that_was_killed_is_replaced(tried: Tried) -> None:
    tried.write("def work():\n    return 1\n")
    assert tried.run().outcome.result is TryResult.SUCCESS
    client = fork_server_client._client
    assert client is not None
    os.kill(client.pid, signal.SIGKILL)
    assert tried.run().outcome.result is TryResult.SUCCESS


def test_a_try_whose_template_is_killed_ends_with_it(tried: Tried) -> None:
    report = tried.once(
        """
        import subprocess

        def work(ti):
            ti.xcom_push("pid", os.getpid())
            ti.xcom_push("child", subprocess.Popen(["setsid", "sleep", "600"]).pid)
            os.kill(os.getppid(), 9)
            time.sleep(600)
        """
    )
    assert report.outcome.result is TryResult.FAILED
    assert report.outcome.reason == "the process that had loaded its DAG file is gone"
    assert [name for name in ("pid", "child") if is_alive(int(tried.xcoms.texts[name]))] == []


def test_many_files_do_not_keep_many_processes(tried: Tried) -> None:
    names = [f"tried{number}.py" for number in range(12)]
    for name in names:  # all before the first try: a folder that changes lets all its templates go
        tried.write("def work():\n    return os.getppid()\n")
        (tried.folder / "tried.py").rename(tried.folder / name)
    pids = []
    for name in names:
        tried.run(fileloc=name)
        pids.append(tried.xcoms.returned)
    deadline = time.monotonic() + 10
    while [is_alive(pid) for pid in pids] != [False] * 4 + [True] * 8:
        assert time.monotonic() < deadline, "the oldest four go, the others stay"
        time.sleep(0.01)
