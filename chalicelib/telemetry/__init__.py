"""Telemetry of a deployed function: its log lines, and metrics as log lines.

``bound`` keeps what is known of the invocation, ``log_lines`` writes each record as one line of JSON with
it, ``metrics`` puts what the engine observes into lines from which CloudWatch makes metrics.

May import ``domain`` and ``settings``; every cold start loads it, so nothing but light parts of the standard
library. A change violates this package when it calls a service, decides anything, or writes a secret.
"""
