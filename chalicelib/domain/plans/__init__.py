"""Decisions about a run from all its items at once: values with reasons, carried out by the engine."""
