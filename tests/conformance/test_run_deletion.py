"""What the stores promise about deleting all that a run has left."""

from chalicelib.domain.tasks.task_instances import FinishedTry
from chalicelib.engine.ports.store import Store
from tests.conformance.calls import TRY, UNTOUCHED


def test_all_items_of_a_run_go_and_those_of_others_stay(store: Store) -> None:
    for run_uid in ("01RUN", "02RUN"):
        for number in range(30):
            store.task_instances.transition(run_uid, f"t{number}#-1", UNTOUCHED, {"sends": 1})
        store.task_instances.arrive(run_uid, "join#-1#bucket-00000", {"success": 1})
    store.task_instances.save_finished_try(TRY)

    store.task_instances.delete_run("01RUN")
    store.task_instances.delete_run("01RUN")

    assert [*store.task_instances.list("01RUN")] == []
    assert _tries(store) == []
    assert len([*store.task_instances.list("02RUN")]) == 31


def test_all_values_of_a_run_go_and_those_of_others_stay(store: Store) -> None:
    for run_uid in ("01RUN", "02RUN"):
        store.xcoms.push(run_uid, "t", -1, "key", "1")
        store.xcoms.push(run_uid, "u", 3, "key", "1")
    store.xcoms.delete_run("01RUN")
    store.xcoms.delete_run("01RUN")
    assert [store.xcoms.pull("01RUN", "t", -1, "key"), store.xcoms.pull("01RUN", "u", 3, "key")] == [None] * 2
    assert [store.xcoms.pull("02RUN", "t", -1, "key"), store.xcoms.pull("02RUN", "u", 3, "key")] == ["1"] * 2


def test_the_lineage_of_a_run_goes_and_that_of_others_stays(store: Store) -> None:
    for run_uid in ("01RUN", "02RUN"):
        store.lineage.save(run_uid, "t", -1, ["in"], ["out"])
    store.lineage.delete_run("01RUN")
    store.lineage.delete_run("01RUN")
    assert [*store.lineage.list("01RUN")] == []
    assert [*store.lineage.list("02RUN")] == [("t", -1, ("in",), ("out",))]


def _tries(store: Store) -> list[FinishedTry]:
    return [*store.task_instances.finished_tries("01RUN", "t", -1)]
