"""Airflow's experimental API: its surface, its views, and the document that describes them.

A new route is a line in ``surface``, a view in the module of its resource, and an operation under the
view's name in ``openapi.operations``. On a cold start ``surface`` alone is imported.
"""
