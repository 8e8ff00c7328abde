"""The web machinery of any surface: requests and replies, routes, errors, the audit log.

A change violates this room when it knows a path, a switch or a text of one surface: these are fields of
``surface.Surface``.
"""
