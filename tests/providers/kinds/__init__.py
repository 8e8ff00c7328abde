"""Kinds of DAG files that teams write over provider packages, run against servers of the tests."""
