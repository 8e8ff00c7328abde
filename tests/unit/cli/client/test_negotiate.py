"""The client's side of Negotiate where there is no Kerberos; ``tests/integration/kerberos`` has the rest."""

import ctypes.util

import pytest

from chalicelib.cli.client import negotiate
from chalicelib.settings import SettingError


def test_without_the_library_one_is_told_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    negotiate._library.cache_clear()
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: None)
    with pytest.raises(SettingError, match=r"comes with kinit \(Debian: krb5-user"):
        negotiate.Negotiation("localhost")
