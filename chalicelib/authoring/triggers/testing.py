"""Triggers that end at once, for tests."""

from collections.abc import AsyncIterator
from typing import Any

from chalicelib.authoring.triggers.base import BaseTrigger, TriggerEvent


class SuccessTrigger(BaseTrigger):
    """Fires ``True``."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """It has no arguments."""
        return "airflow.triggers.testing.SuccessTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire."""
        yield TriggerEvent(True)


class FailureTrigger(BaseTrigger):
    """Raises ``ValueError``."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """It has no arguments."""
        return "airflow.triggers.testing.FailureTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fail."""
        raise ValueError("Deliberate trigger failure")
        yield TriggerEvent(None)
