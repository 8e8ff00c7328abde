"""What the ports of lineage, payloads and task logs promise, over each store."""

import pytest

from chalicelib.domain.payload import INLINE_LIMIT, Payload
from chalicelib.engine.ports.store import Store
from tests.scripted.examples import a_run

RUN = a_run(uid="01RUN", dag_id="Größe & Maß").ref


def test_lineage_is_listed_by_task_instance(store: Store) -> None:
    store.lineage.save("01RUN", "b", -1, ["in"], [])
    store.lineage.save("01RUN", "a", -1, [], ["out1", "out2"])
    store.lineage.save("02RUN", "a", -1, ["other"], [])
    store.lineage.save("01RUN", "b", -1, ["in", "ü"], [])
    store.lineage.save("01RUN", "each", 1, [], ["out"])
    store.lineage.save("01RUN", "each", 0, ["in"], [])
    listed = [
        (*instance, [*inlets], [*outlets]) for *instance, inlets, outlets in store.lineage.list("01RUN")
    ]
    assert listed == [
        ("a", -1, [], ["out1", "out2"]),
        ("b", -1, ["in", "ü"], []),
        ("each", 0, ["in"], []),
        ("each", 1, [], ["out"]),
    ]


@pytest.mark.parametrize("text", ["", "{}", "ü" * (INLINE_LIMIT // 2)])
def test_a_small_text_stays_inline(store: Store, text: str) -> None:
    kept = store.payloads.keep("conf/1.json", text)
    assert kept == Payload(text=text)
    assert store.payloads.read(kept) == text


@pytest.mark.parametrize("text", ["x" * (INLINE_LIMIT + 1), "ü" * INLINE_LIMIT])
def test_a_large_text_is_kept_by_its_key(store: Store, text: str) -> None:
    kept = store.payloads.keep("conf/1.json", text)
    assert kept == Payload(reference="conf/1.json")
    assert store.payloads.read(kept) == text
    assert store.payloads.keep("conf/1.json", text) == kept


def test_a_payload_whose_object_is_gone_is_an_error(store: Store) -> None:
    with pytest.raises(KeyError, match="never"):
        store.payloads.read(Payload(reference="never"))


def test_each_try_has_its_log(store: Store) -> None:
    store.task_logs.save(RUN, "manual__2024-05-06T07:08:09+00:00", "t#-1", 1, b"first")
    store.task_logs.save(RUN, "manual__2024-05-06T07:08:09+00:00", "t#-1", 2, b"")
    store.task_logs.save(RUN, "manual__2024-05-06T07:08:09+00:00", "t#-1", 1, b"first \xff again")
    store.task_logs.save(RUN, "manual__2024-05-06T07:08:09+00:00", "t#4", 1, b"mapped")

    def log(key: str, number: int) -> bytes | None:
        return store.task_logs.read(RUN, "manual__2024-05-06T07:08:09+00:00", key, number)

    assert log("t#-1", 1) == b"first \xff again"
    assert log("t#-1", 2) == b""
    assert log("t#4", 1) == b"mapped"
    assert log("t#-1", 3) is None


def test_callbacks_have_logs_of_their_own_beside_the_try_s(store: Store) -> None:
    logs = store.task_logs
    logs.save(RUN, "daily", "t#-1", 1, b"the try")
    logs.save_callback(RUN, "daily", "t#-1", 1, "on_retry_callback", b"once")
    logs.save_callback(RUN, "daily", "t#-1", 1, "on_retry_callback", b"again")
    logs.save_callback(RUN, "daily", None, 0, "on_failure_callback", b"of the DAG")
    assert logs.read(RUN, "daily", "t#-1", 1) == b"the try"
    assert logs.read_callback(RUN, "daily", "t#-1", 1, "on_retry_callback") == b"again"
    assert logs.read_callback(RUN, "daily", "t#-1", 2, "on_retry_callback") is None
    assert logs.read_callback(RUN, "daily", "t#-1", 1, "on_failure_callback") is None
    assert logs.read_callback(RUN, "daily", None, 0, "on_failure_callback") == b"of the DAG"


def test_a_run_id_that_comes_again_has_logs_of_its_own(store: Store) -> None:
    store.task_logs.save(a_run("old").ref, "daily", "t#-1", 1, b"old")
    assert store.task_logs.read(a_run("new").ref, "daily", "t#-1", 1) is None


def test_long_names_make_keys_that_the_bucket_takes(store: Store) -> None:
    long = a_run("01RUN", dag_id="€" * 250).ref
    for task in ("t" * 249 + "a#-1", "t" * 249 + "b#-1"):
        store.task_logs.save(long, "€" * 250, task, 1, task.encode())
    assert store.task_logs.read(long, "€" * 250, "t" * 249 + "a#-1", 1) == b"t" * 249 + b"a#-1"
