"""Commands about task instances: ``tasks`` and ``why``; also the marking of whole runs, which alters them.

``group`` has ``tasks`` itself.
"""
