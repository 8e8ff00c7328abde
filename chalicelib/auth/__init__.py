"""Airflow's auth backends: one decision on each caller, for API Gateway's authorizer and the local server.

``backends`` is the table of outcomes; ``password`` and ``kerberos`` verify the credentials of a client,
and reach stored data through the ports in ``ports``. May import ``domain`` and ``settings``. A change
violates this package when it knows HTTP beyond the Authorization header and its challenge, when a secret
can get into an error or a log line, or when a request is let through because something was missing.
"""
