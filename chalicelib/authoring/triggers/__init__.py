"""Airflow's triggers: what a deferred task waits for, as a class that is built again for each window.

Triggers belong to user code. A change violates this package when a trigger of it keeps anything between
two windows but the arguments that it is built from.
"""
