"""However requests of the same keys meet, and whatever replies get lost, a key makes one run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import DagRunAlreadyExists, IdempotencyKeyReused, StoreUnavailable
from chalicelib.domain.idempotency import IdempotencyKey
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run_once
from chalicelib.engine.slots.pools import save_pool_once
from chalicelib.simulation.halting_handler import Halting, Handler
from chalicelib.simulation.queue import InFlight
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import world_of

AnswerTo = Callable[[Engine, "Sent"], str]

DAG = ScriptedDag([Shape("a")])
CONFLICT = "409"
DUPLICATE = "400"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request as it was sent: the moment stands for a trigger's date, which is now."""

    key: str
    body: str
    moment: int


SENT = st.builds(Sent, key=st.sampled_from("abc"), body=st.sampled_from(["1", "2"]), moment=st.integers(0, 2))
FAULTS = st.sampled_from([None, None, None, "unreached", "lost"])


def answer_to_trigger(engine: Engine, sent: Sent) -> str:
    request = RunRequest(
        dag_id=DAG.dag_id,
        execution_date=datetime(2025, 1, 1 + sent.moment, tzinfo=UTC),
        triggered_by=f"{sent.key}{sent.body}",
    )
    key = IdempotencyKey.of(sent.key, sent.body.encode())
    try:
        return create_run_once(engine, request, key, lambda run: run.run_uid).answer
    except IdempotencyKeyReused:
        return CONFLICT
    except DagRunAlreadyExists:
        return DUPLICATE


def answer_to_pool(engine: Engine, sent: Sent) -> str:
    key = IdempotencyKey.of(sent.key, sent.body.encode())
    slots = 10 * "abc".index(sent.key) + int(sent.body)
    try:
        return save_pool_once(
            engine,
            name="p",
            slots=slots,
            description=None,
            include_deferred=False,
            key=key,
            answer=lambda pool: f"{pool.id} {pool.slots}",
        ).answer
    except IdempotencyKeyReused:
        return CONFLICT


def interleaved(
    world: World, data: st.DataObject, answer_to: AnswerTo, requests: list[Sent]
) -> dict[int, str]:
    """The answers that arrived; the requests run at the same time, call by call of the ports."""
    engine = replace(
        world.engine, store=Halting(world.store), sender=Halting(world.queue), now=lambda: _moment(world)
    )
    answers: dict[int, str] = {}

    def work(number: int) -> None:
        answers[number] = answer_to(engine, requests[number])

    no_message = InFlight(message="", visible_at=world.clock.now)
    handlers = [
        Handler(partial(work, number), no_message, world.clock.now) for number in range(len(requests))
    ]
    while at_work := [handler for handler in handlers if not handler.is_over]:
        fault = data.draw(FAULTS)
        error = StoreUnavailable("injected") if fault else None
        data.draw(st.sampled_from(at_work)).go_on(error, takes_effect=fault == "lost")
    for handler in handlers:
        if handler.error is not None and not isinstance(handler.error, StoreUnavailable):
            raise handler.error
    return answers


def _moment(world: World) -> datetime:
    world.advance(timedelta(microseconds=1))
    return world.clock.now


@given(st.lists(SENT, min_size=1, max_size=6), st.data())
def test_a_key_makes_one_run(requests: list[Sent], data: st.DataObject) -> None:
    world = world_of(DAG, 1)
    arrived = interleaved(world, data, answer_to_trigger, requests)
    runs = {run.run_uid: run.triggered_by for run in world.store.dag_runs.list(DAG.dag_id)}

    made_by = [triggered_by[0] for triggered_by in runs.values()]
    assert len(made_by) == len(set(made_by)), "a key made two runs"
    for number, answer in arrived.items():
        sent = requests[number]
        if answer == CONFLICT:
            assert any(maker[0] == sent.key and maker[1] != sent.body for maker in runs.values())
        elif answer == DUPLICATE:
            assert runs, "refused, though nothing was there"
        else:
            assert runs[answer] == f"{sent.key}{sent.body}"

    for sent in requests:  # each client asks again until it hears
        again = answer_to_trigger(world.engine, sent)
        if sent.key in made_by:
            maker = next(uid for uid, triggered_by in runs.items() if triggered_by[0] == sent.key)
            assert again == (maker if runs[maker][1] == sent.body else CONFLICT)


@given(st.lists(SENT, min_size=1, max_size=6), st.data())
def test_a_key_saves_a_pool_once(requests: list[Sent], data: st.DataObject) -> None:
    world = world_of(DAG, 1)
    arrived = interleaved(world, data, answer_to_pool, requests)
    granted: dict[str, set[str]] = {}
    for number, answer in [*arrived.items(), *enumerate(answer_to_pool(world.engine, s) for s in requests)]:
        if answer != CONFLICT:
            granted.setdefault(requests[number].key, set()).add(f"{answer} {requests[number].body}")
    assert all(len(answers) == 1 for answers in granted.values()), "a key was answered in two ways"
    assert granted.keys() == {sent.key for sent in requests}
    pool = world.store.pools.get("p")
    assert pool is not None
    assert {answer.split()[0] for answers in granted.values() for answer in answers} == {str(pool.id)}
