"""A try is a process of its own: nothing of it reaches the next try, the worker, or another one beside it."""

import os
import threading
from pathlib import Path

import pytest

from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.engine.ports.worker import TryReport
from tests.integration.user_code.trying import Tried, is_alive, said


def test_environment_directory_and_imported_state_are_a_trys_own(tried: Tried) -> None:
    tried.write(
        """
        SEEN = []

        def work():
            found = [os.environ.get("LEFT"), os.path.exists("left"), len(SEEN), os.getcwd()]
            os.environ["LEFT"] = "behind"
            open("left", "w").close()
            os.chdir("/")
            SEEN.append(1)
            return found
        """
    )
    tried.settle()
    here = os.getcwd()
    folders = set()
    for _ in range(3):
        assert tried.run().outcome.result is TryResult.SUCCESS
        *found, folder = tried.xcoms.returned
        assert found == [None, False, 0]
        folders.add(folder)
    assert len(folders) == 3
    assert "LEFT" not in os.environ
    assert os.getcwd() == here


def test_the_file_is_imported_once_for_many_tries_and_never_by_the_worker(tried: Tried) -> None:
    tried.write(
        """
        LOADED = [os.getpid(), time.monotonic_ns()]

        def work():
            return [os.getppid(), LOADED, os.getpid()]
        """
    )
    tried.settle()
    reports = []
    for _ in range(3):
        tried.run()
        reports.append(tried.xcoms.returned)
    assert len({tuple(loaded) for _, loaded, _ in reports}) == 1
    assert all(parent == loaded[0] for parent, loaded, _ in reports)
    assert len({own for *_, own in reports} | {os.getpid()}) == 4


def test_what_a_try_puts_into_its_folder_or_the_temporary_one_is_gone(tried: Tried) -> None:
    tried.once(
        """
        import subprocess, tempfile

        def work():
            made = [tempfile.mkdtemp(), tempfile.mkstemp()[1], os.path.abspath("here")]
            os.makedirs("here/and/there")
            open("here/and/there/file", "w").close()
            os.chmod("here/and", 0)
            made.append(subprocess.check_output(["mktemp"], text=True).strip())
            return made
        """
    )
    made = [Path(path) for path in tried.xcoms.returned]
    assert len({path.parent for path in made}) == 1
    assert made[0].parent.name.startswith("updraft-try-")
    assert [path for path in (*made, made[0].parent) if path.exists()] == []


def test_a_file_of_others_in_the_temporary_folder_stays(tried: Tried, tmp_path: Path) -> None:
    other = tmp_path / "made_by_a_try"
    tried.once(f"def work():\n    open({str(other)!r}, 'w').close()\n")
    assert other.exists()


LEFT_OVERS = {
    "a child": "pids = [subprocess.Popen(['sleep', '600']).pid]",
    "a child in a session of its own": (
        "pids = [subprocess.Popen(['sleep', '600'], start_new_session=True).pid]"
    ),
    "a daemon": """
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    os.wait()
    pids = [int(os.read(read, 20))]
    """,
    "a child that ignores signals, and its child": """
    script = 'trap "" TERM HUP INT; sleep 600 & echo $!; wait'
    child = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE)
    pids = [child.pid, int(child.stdout.readline())]
    """,
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="orphans are found in /proc")
@pytest.mark.parametrize("end", ["return pids", "print(*pids, flush=True); os.kill(os.getpid(), 9)"])
@pytest.mark.parametrize("left", LEFT_OVERS.values(), ids=LEFT_OVERS)
def test_processes_that_a_try_leaves_behind_are_killed(tried: Tried, left: str, end: str) -> None:
    body = "import subprocess\n\ndef work():\n"
    lines = "\n".join(f"    {line.removeprefix('    ')}" for line in left.strip("\n").splitlines())
    report = tried.once(f"{body}{lines}\n    {end}\n")
    pids = tried.xcoms.returned or [int(pid) for pid in said(report)[0].split()]
    assert pids
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_thread_that_is_left_running_holds_nobody_up(tried: Tried) -> None:
    report = tried.once(
        """
        import threading

        def work():
            threading.Thread(target=time.sleep, args=[600]).start()
        """
    )
    assert report.outcome.result is TryResult.SUCCESS


def test_a_try_holds_no_descriptors_but_its_own(tried: Tried) -> None:
    with open(os.devnull) as of_the_worker, tried.folder.joinpath("tried.py").open("w"):
        os.set_inheritable(of_the_worker.fileno(), True)
        tried.write(
            """
            def work():
                kinds = {}
                for name in os.listdir("/proc/self/fd"):
                    try:
                        kinds[int(name)] = os.readlink(f"/proc/self/fd/{name}").split(":")[0]
                    except FileNotFoundError:
                        pass  # the folder that is being listed
                return sorted(kinds.items())
            """
        )
        tried.run()
    held = [(number, kind) for number, kind in tried.xcoms.returned]
    assert [kind for number, kind in held if number < 3] == ["/dev/null", "pipe", "pipe"]
    others = [kind for number, kind in held if number >= 3]
    assert others.count("socket") == 1, "its stream to the worker"
    assert [kind for kind in others if kind != "socket" and "deleted" not in kind] == []
    assert len(others) <= 2, "the other one is the file that its requests are locked by"


def test_two_tries_side_by_side_do_not_meet(tried: Tried) -> None:
    """Each waits until the other is there, and sees only itself."""
    tried.write(
        """
        def work(dag_run):
            mine, other = dag_run.conf["mine"], dag_run.conf["other"]
            os.environ["WHO"] = mine
            open(mine, "w").close()
            while not os.path.exists(other):
                time.sleep(0.01)
            print("I am", os.environ["WHO"])
        """
    )
    tried.settle()
    folder = tried.folder.parent
    reports: dict[str, TryReport] = {}

    def run(mine: str, other: str) -> None:
        conf = {"mine": str(folder / mine), "other": str(folder / other)}
        reports[mine] = tried.run(conf=conf)

    threads = [threading.Thread(target=run, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [said(reports[name])[0] for name in "ab"] == [f"I am {folder / name}" for name in "ab"]


SECRET = {
    "AWS_ACCESS_KEY_ID": "AKIAOFTHEENGINE",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-engine",
    "AWS_SESSION_TOKEN": "token-of-the-engine",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AIRFLOW__CORE__FERNET_KEY": "key-of-the-engine",
    "AIRFLOW__CORE__FERNET_KEY_CMD": "echo command-of-the-engine",
}


def test_a_try_has_none_of_the_engines_credentials_and_keys(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    tried.once(
        """
        def work():
            template = f"/proc/{os.getppid()}/environ"
            texts = [open(path).read() for path in ("/proc/self/environ", template)]
            return ["".join(texts), dict(os.environ)]
        """
    )
    texts, environ = tried.xcoms.returned
    assert [name for name, value in SECRET.items() if name in environ or value in texts] == []
    assert environ["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_an_environment_that_changes_reaches_the_next_try(tried: Tried) -> None:
    tried.write("LOADED = os.environ.get('CITY')\n\ndef work():\n    return [LOADED, os.environ['CITY']]\n")
    tried.settle()
    for city in ("Ulm", "Linz"):
        tried.environ["CITY"] = city
        tried.run()
        assert tried.xcoms.returned == [city, city]


def test_a_try_is_what_the_kernel_ends_first_when_memory_runs_out(tried: Tried) -> None:
    tried.once("def work():\n    return int(open('/proc/self/oom_score_adj').read())\n")
    assert tried.xcoms.returned == 1000


def test_a_try_leads_a_session_of_its_own(tried: Tried) -> None:
    tried.once("def work():\n    return [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()]\n")
    assert tried.xcoms.returned == [True, True]


def test_many_tries_at_once_each_come_to_their_own_end(tried: Tried) -> None:
    tried.write(
        """
        import subprocess

        def work(dag_run):
            subprocess.Popen(["sleep", "600"])
            if dag_run.conf["number"] % 3 == 0:
                os.kill(os.getpid(), 9)
            print("number", dag_run.conf["number"])
        """
    )
    tried.settle()
    reports: dict[int, TryReport] = {}

    def run(first: int) -> None:
        for number in range(first, 40, 8):
            reports[number] = tried.run(conf={"number": number})

    threads = [threading.Thread(target=run, args=[first]) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number for number, report in reports.items() if report.outcome.result is TryResult.FAILED} == {
        number for number in range(40) if number % 3 == 0
    }
    assert {report.outcome.reason for report in reports.values()} == {
        "",
        "its process was killed by SIGKILL, as happens when memory runs out",
    }
    assert all(said(reports[number])[0] == f"number {number}" for number in range(40) if number % 3)
