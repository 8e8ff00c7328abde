"""Functions in real child processes."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.local.function_pool import (
    Function,
    FunctionCrashed,
    FunctionFailed,
    FunctionPool,
    FunctionTimedOut,
    PoolClosed,
)
from chalicelib.local.lifeline import Lifeline
from tests.waiting import PATIENCE_SECONDS, wait_for

FAKE = "tests.integration.local.fake_app"
FUNCTION = Function(name="worker", handler=f"{FAKE}:invoked", timeout=PATIENCE_SECONDS, concurrency=4)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("notes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_NOTES", str(folder))
        yield folder


@pytest.fixture(scope="module")
def pool(notes: Path) -> Iterator[FunctionPool]:
    assert notes.is_dir()  # and in the environment that the children inherit
    pool = FunctionPool(Lifeline(), preload=(FAKE,))
    pool.start()
    yield pool
    pool.close()


def pid_of(pool: FunctionPool, function: Function = FUNCTION) -> int:
    pid: int = pool.invoke(function, {"do": "answer"})["pid"]
    return pid


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_context_tells_what_lambdas_does(pool: FunctionPool) -> None:
    answer = pool.invoke(FUNCTION, {"do": "answer"})
    assert answer["function"] == "worker"
    assert answer["memory"] == 512
    assert 0 < answer["left"] <= 1000 * PATIENCE_SECONDS
    assert answer["request_id"] != pool.invoke(FUNCTION, {"do": "answer"})["request_id"]


def test_a_child_is_another_process_and_serves_again(pool: FunctionPool) -> None:
    assert pid_of(pool) == pid_of(pool) != os.getpid()


def test_a_function_that_is_not_reused_gets_a_fresh_child_each_time(pool: FunctionPool) -> None:
    fresh = Function(name="fresh", handler=FUNCTION.handler, timeout=PATIENCE_SECONDS, reused=False)
    assert pid_of(pool, fresh) != pid_of(pool, fresh)


def test_functions_do_not_share_children(pool: FunctionPool) -> None:
    assert pid_of(pool) != pid_of(
        pool, Function(name="other", handler=FUNCTION.handler, timeout=PATIENCE_SECONDS)
    )


def test_invocations_run_beside_each_other_up_to_the_concurrency(pool: FunctionPool, notes: Path) -> None:
    waiting = {"do": "wait", "until": "all may go on", "to": "beside"}
    begun = notes / "beside"
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(pool.invoke, FUNCTION, waiting) for _ in range(8)]
        wait_for(lambda: begun.exists() and len(begun.read_text().split()) == 4)
        pid_of(
            pool, Function(name="beside", handler=FUNCTION.handler, timeout=PATIENCE_SECONDS)
        )  # time for one more
        assert len(begun.read_text().split()) == 4
        (notes / "all may go on").touch()
        assert [answer.result() for answer in answers] == [None] * 8
    assert len(begun.read_text().split()) == 8


def test_an_exception_is_told_with_its_stack(pool: FunctionPool) -> None:
    before = pid_of(pool)
    with pytest.raises(FunctionFailed, match="ValueError: no such thing") as failure:
        pool.invoke(FUNCTION, {"do": "raise"})
    assert failure.value.error_type == "ValueError"
    assert "_raise" in failure.value.stack
    assert pid_of(pool) == before


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("exit", "exit status 3"),
        ("leave", "exit status 4"),
        ("kill", "signal SIGKILL"),
        ("segfault", "signal SIGSEGV"),
    ],
)
def test_a_child_that_goes_away_fails_its_invocation_and_is_replaced(
    pool: FunctionPool, do: str, words: str
) -> None:
    with pytest.raises(FunctionCrashed, match=words) as crash:
        pool.invoke(FUNCTION, {"do": do})
    assert crash.value.request_id
    assert pid_of(pool)


def test_a_child_killed_while_idle_is_not_missed(pool: FunctionPool) -> None:
    dead = pid_of(pool)
    os.kill(dead, 9)
    wait_for(lambda: not is_running(dead))
    assert pid_of(pool) != dead


def test_a_timeout_kills_even_a_child_that_holds_the_gil(pool: FunctionPool, notes: Path) -> None:
    short = Function(name="short", handler=FUNCTION.handler, timeout=2)
    with pytest.raises(FunctionTimedOut, match=r"timed out after 2\.00 seconds"):
        pool.invoke(short, {"do": "hold", "seconds": 600, "to": "held"})
    wait_for(lambda: not is_running(int((notes / "held").read_text())))


@pytest.mark.parametrize("session", [False, True])
@pytest.mark.parametrize("ending", ["crash", "timeout"])
def test_subprocesses_end_with_their_child(
    pool: FunctionPool, notes: Path, session: bool, ending: str
) -> None:
    note = f"subprocess-{session}-{ending}"
    event = {"do": "subprocess", "to": note, "session": session, "then": "exit" if ending == "crash" else ""}
    with pytest.raises(FunctionCrashed):
        pool.invoke(Function(name="brief", handler=FUNCTION.handler, timeout=3), event)
    wait_for(lambda: not is_running(int((notes / note).read_text())))


def test_a_lost_host_is_replaced(pool: FunctionPool) -> None:
    child = pid_of(pool)
    host = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(host, 9)
    wait_for(lambda: not is_running(child))
    assert pid_of(pool) != child


def test_idle_children_are_ended_but_for_one() -> None:
    pool = FunctionPool(Lifeline(), preload=(FAKE,), idle_seconds=0.3)
    pool.start()
    pool.warm(FUNCTION, 3)
    try:
        wait_for(lambda: len(pool._idle[FUNCTION.name]) == 1)
    finally:
        pool.close()


def test_closing_ends_everything_and_refuses_more(notes: Path) -> None:
    pool = FunctionPool(Lifeline(), preload=(FAKE,))
    pool.start()
    crashed = threading.Event()

    def sleep() -> None:
        with pytest.raises(FunctionCrashed):
            pool.invoke(FUNCTION, {"do": "sleep", "seconds": 60, "to": "closing"})
        crashed.set()

    threading.Thread(target=sleep).start()
    wait_for((notes / "closing").exists)
    pool.close()
    assert crashed.wait(PATIENCE_SECONDS)
    assert not is_running(int((notes / "closing").read_text()))
    with pytest.raises(PoolClosed):
        pool.invoke(FUNCTION, {"do": "answer"})


def test_a_hundred_invocations_one_after_the_other_make_no_more_children(pool: FunctionPool) -> None:
    often = Function(name="often", handler=FUNCTION.handler, timeout=PATIENCE_SECONDS, concurrency=4)
    assert len({pid_of(pool, often) for _ in range(100)}) == 1


def test_the_death_of_one_child_leaves_the_others_subprocesses_alone(pool: FunctionPool, notes: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        background = thread.submit(
            pool.invoke, FUNCTION, {"do": "background", "until": "looked at", "to": "background"}
        )
        wait_for(lambda: (notes / "background").exists() and (notes / "background").read_text())
        for _ in range(3):
            with pytest.raises(FunctionCrashed):
                pool.invoke(FUNCTION, {"do": "exit"})
        (notes / "looked at").touch()
        assert background.result() == "still there"
