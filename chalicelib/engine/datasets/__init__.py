"""Datasets at work: events are kept, and DAGs that run by them get their runs."""
