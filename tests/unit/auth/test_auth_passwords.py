"""What is kept of a password, with real bcrypt at its least cost."""

import pytest

from chalicelib.auth.passwords import decoy, hash_password, matches

CHEAP = 4


@pytest.mark.parametrize(
    "password", ["secret", "a:b:c", "pässwörd", "日本語のパスワード", "x" * 1000, " ", "with\N{NULL}zero"]
)
def test_a_password_matches_what_is_kept_of_it_and_no_other(password: str) -> None:
    kept = hash_password(password, CHEAP)
    assert matches(password, kept)
    for other in (password + "x", password[:-1], password.upper() + "!", ""):
        assert not matches(other, kept)


def test_all_of_a_long_password_counts() -> None:
    kept = hash_password("x" * 999 + "y", CHEAP)
    assert not matches("x" * 1000, kept)


def test_a_zero_byte_does_not_end_a_password() -> None:
    assert not matches("a\N{NULL}c", hash_password("a\N{NULL}b", CHEAP))


def test_the_same_password_is_kept_differently_each_time_and_never_readably() -> None:
    kept = {hash_password("secret", CHEAP) for _ in range(3)}
    assert len(kept) == 3
    assert all(text.startswith("$2b$04$") and "secret" not in text for text in kept)


def test_the_cost_is_in_what_is_kept() -> None:
    assert hash_password("secret", 5).startswith("$2b$05$")


def test_nobody_has_the_password_of_a_decoy() -> None:
    made = decoy(CHEAP)
    assert made.startswith("$2b$04$")
    assert len(made) == len(hash_password("secret", CHEAP))
    assert not matches("", made)
    assert not matches("secret", made)
