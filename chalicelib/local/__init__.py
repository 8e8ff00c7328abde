"""Local mode: the whole of Updraft on one machine, ``make run``.

The emulated AWS, Lambda-like processes for the handlers of ``app.py``, what feeds the queues to them,
the clock, and an HTTP server in place of API Gateway. Code of the project's users never runs in the
server's own process.

May import ``chalice.local``, ``ministack``, ``deploy`` and what those layers may import. It would be
violated by a rule about DAGs, runs or tasks here, or by ``app.py`` behaving differently because it
runs locally: the handlers must not be able to tell.
"""
