"""The real engine over the store in memory: to try a DAG out in one command, with faults or without.

- ``one_run``: one run to its end as fast as it goes, by a clock that jumps (``dags test``)
- ``world``, ``faults``, ``crowd``: a deployment whose messages come twice, late and out of order and whose
  handlers die between any two calls; the property tests of the engine run in it as well
- ``faulty_run``: a user's DAG in such a world, compared with its run without faults (``simulate``)

May import ``domain``, ``authoring``, ``engine``, ``user_code`` (here, too, a try is its own process), the
codec of ``queues`` and ``store.memory``. A change violates this package when it opens a file, a socket or
AWS, when it decides anything that the engine should decide, or when a choice comes from elsewhere than the
``random.Random`` it is given.
"""
