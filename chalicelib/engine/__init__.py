"""The use cases, and the ports that they need of the world.

Rooms, each of which may import those before it:

- ``ports``, ``engine`` (what every use case is given), ``outbox``, ``graphs``, ``lookup``, ``once``
- ``slots``: slots taken, waited for, given back, audited
- ``tasks``: a task opens, is sent, sleeps, ends, and opens others; the fast path
- ``worker``: the two messages of a worker
- ``runs``, ``schedule``: a run begins and ends; runs of the clock
- ``by_hand``: tasks cleared or marked, runs cancelled
- ``dags``: DAGs kept and paused
- ``reading``: answers; changes nothing
- ``upkeep``: the net below: ticks, sweeps, wakes, deletion
- ``dispatch``: which message goes to which of these

May import ``domain`` and ``auth``. A change violates this package when it names DynamoDB, SQS, HTTP or
Chalice, when it keeps state between calls, or when two writes have to happen together for the state to be
right: a handler may die between any two lines and its message come again.

``docs/protocol.md`` is the law of this package: its invariants, its steps, its messages, its words.
"""
