"""The key of the local server: made once, kept for its user alone, and changed by a setting."""

import stat
from pathlib import Path

from cryptography.fernet import Fernet

from chalicelib.local.fernet_key import FILE, kept_fernet_key


def test_a_key_is_made_once_and_is_for_its_user_alone(tmp_path: Path) -> None:
    key = kept_fernet_key(tmp_path)
    Fernet(key)
    assert kept_fernet_key(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_users_keys_come_first_and_those_before_stay_behind_them(tmp_path: Path) -> None:
    made = kept_fernet_key(tmp_path)
    assert kept_fernet_key(tmp_path, "new, newer") == f"new,newer,{made}"
    assert kept_fernet_key(tmp_path) == f"new,newer,{made}"
    assert kept_fernet_key(tmp_path, made) == f"{made},new,newer"
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_users_key_is_the_only_one_where_there_was_none(tmp_path: Path) -> None:
    assert kept_fernet_key(tmp_path, "ours") == "ours"
