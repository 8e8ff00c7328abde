"""When a message is not sent again, for it would be taken for another one."""

import pytest

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.queues.resend import resend


def test_a_message_with_no_room_for_its_id_is_not_sent_under_another() -> None:
    full = {f"a{number}": {"dataType": "String", "stringValue": "x"} for number in range(10)}
    record = {"messageId": "m-1", "body": "x", "messageAttributes": full}
    with pytest.raises(StoreUnavailable, match="no room"):
        resend("updraft-local-events", record, "OriginalId")
