"""Commands about a deployed stage: deploying, checking, destroying, and its queues."""
