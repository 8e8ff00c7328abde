"""Decisions about a run and about one task instance: values with reasons, carried out by the engine."""
