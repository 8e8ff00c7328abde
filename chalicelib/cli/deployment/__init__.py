"""Commands about a deployed stage: making it, looking after it, and what waits in its queues."""
