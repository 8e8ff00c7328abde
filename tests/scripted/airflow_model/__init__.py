"""A small model of how the scheduler of Airflow 2.10.5 decides: what the engine is held against.

It plays scripted DAGs (``tests.scripted.dags``) over a table of task instances, step by step: one pass of
the scheduler, or the end of one try. It shares no decision with the engine. Its rules come from watching
Airflow; where both differ, Airflow is right.
"""
