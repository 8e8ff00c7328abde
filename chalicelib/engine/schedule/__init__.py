"""Runs that nobody asked for one by one: those of the clock, and backfills."""
