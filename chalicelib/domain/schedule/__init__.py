"""When a DAG runs: cron expressions, timetables and the intervals that they make."""
