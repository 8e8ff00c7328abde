"""One task instance: what it is, what it hears of others, and what it becomes."""
