"""Texts that would be too large for an item."""

from threading import RLock

from chalicelib.domain.payload import Payload, fits_inline


class MemoryPayloads:
    """Implements ``engine.ports.store.Payloads``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._objects: dict[str, str] = {}

    def keep(self, key: str, text: str) -> Payload:
        if fits_inline(text):
            return Payload(text=text)
        with self._lock:
            self._objects[key] = text
        return Payload(reference=key)

    def read(self, payload: Payload) -> str:
        if payload.text is not None:
            return payload.text
        return self._objects[payload.reference or ""]
