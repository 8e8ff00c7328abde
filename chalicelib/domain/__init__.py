"""The rules, pure: states, trigger rules, decisions, pool arithmetic, run ids, errors.

Rooms, each of which may import those before it: small words (``errors``, ``states``, ``payload``, …),
``schedule``, ``runs``, ``slots``, ``graph``, ``tasks``, ``plans``, and what leaves the engine: ``messages``
and ``observations``.

May import the standard library and croniter, which only reckons. A change violates this package when it
reads a clock, the environment, a file (but time zone data) or a network, or imports boto3, botocore,
pynamodb or chalice: ``now`` is always an argument and every function gives the same answer for the same
arguments.
"""
