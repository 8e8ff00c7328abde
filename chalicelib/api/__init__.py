"""The web APIs: ``http``, the machinery of any of them, and a package per surface.

May import ``domain``, ``engine``, ``auth``, ``bootstrap``, ``telemetry`` and Chalice. Views import their
use cases when they are called, for a cold start imports all that registers routes. A change violates this
package when it touches a table or a queue, or when a rule lives here that another way in (events, command
line) needs too.
"""
