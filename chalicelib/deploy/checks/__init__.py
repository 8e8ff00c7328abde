"""Checks: a stage as it stands on AWS compared with its description. They change nothing."""
