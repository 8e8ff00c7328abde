"""The port of what measures the engine."""

from collections.abc import Callable

from chalicelib.domain.observations import Observation

Observe = Callable[[Observation], None]
"""Takes what the engine observes of itself, to measure it: at no cost of requests. Never raises."""
