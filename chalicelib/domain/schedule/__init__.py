"""Schedules: cron expressions, timetables and the intervals that they make."""
