"""The experimental API: one blueprint per resource, request parsing, Airflow-shaped JSON.

May import ``domain``, ``engine`` and Chalice; views import their use cases when they are called, for
every Lambda imports every blueprint. A change violates this package when it touches a table or a
queue, or when a rule lives here that another way in (events, command line) needs too.
"""
