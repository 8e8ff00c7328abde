"""Runs that are not asked for one by one: those of the clock, and backfills."""
