"""The rehearsal of a try: nobody is there to answer it."""

import pytest

from chalicelib.authoring.surroundings.configuration import configured_by
from chalicelib.user_code.warm_up import rehearse


def test_a_rehearsal_asks_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def note(section: str, key: str) -> str | None:
        asked.append(f"{section}.{key}")
        return None

    with configured_by(note):
        rehearse()
    assert asked == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
