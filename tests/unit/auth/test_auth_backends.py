"""The table of outcomes, row by row."""

from collections.abc import Callable

import pytest

from chalicelib.auth.backends import (
    BASIC_AUTH,
    DEFAULT,
    DENY_ALL,
    KERBEROS_AUTH,
    PASSWORD_AUTH,
    Decision,
    confirm,
    decide,
    is_open,
    without_credentials,
)
from chalicelib.auth.verdicts import Caller, Refused, Scheme, Verdict
from chalicelib.settings import SettingError, Settings

NOT_SERVED = "airflow.providers.acme.auth"
FAB = "airflow.providers.fab.auth_manager.api.auth.backend"
ADA = Caller(principal="ada")
WRONG = Refused(reason="wrong password", claimed="ada")
ANOTHER_LEG = Refused(reason="wants more", wants_another_leg=True)


def saying(verdict: Verdict) -> Callable[[Scheme, str], Verdict]:
    return lambda _scheme, _authorization: verdict


def nobody_is_asked(_scheme: Scheme, _authorization: str) -> Verdict:
    raise AssertionError("credentials do not matter here")


def outcome(decision: Decision) -> tuple[int, str | None]:
    return decision.status, decision.challenge


@pytest.mark.parametrize(
    ("backend", "missing", "wrong", "another_leg"),
    [
        (PASSWORD_AUTH, (401, "Basic"), (403, None), (401, "Basic")),
        (BASIC_AUTH, (401, "Basic"), (401, "Basic"), (401, "Basic")),
        (f"{FAB}.basic_auth", (401, "Basic"), (401, "Basic"), (401, "Basic")),
        (KERBEROS_AUTH, (401, "Negotiate"), (403, None), (401, "Negotiate")),
        (f"{FAB}.kerberos_auth", (401, "Negotiate"), (403, None), (401, "Negotiate")),
    ],
)
def test_a_backend_that_looks_at_credentials(
    backend: str,
    missing: tuple[int, str | None],
    wrong: tuple[int, str | None],
    another_leg: tuple[int, str | None],
) -> None:
    for header in (None, ""):
        assert outcome(decide(backend, header, nobody_is_asked)) == missing
    assert outcome(without_credentials(backend)) == missing
    refused = decide(backend, "x", saying(WRONG))
    assert (outcome(refused), refused.principal, refused.reason) == (wrong, "ada", "wrong password")
    assert outcome(decide(backend, "x", saying(ANOTHER_LEG))) == another_leg
    allowed = decide(backend, "x", saying(ADA))
    assert (allowed.allowed, allowed.status, allowed.principal) == (True, 200, "ada")


@pytest.mark.parametrize("header", [None, "", "Basic YWRtaW46YWRtaW4=", "nonsense"])
def test_the_default_backend_lets_everyone_in_and_knows_nobody(header: str | None) -> None:
    decision = decide(DEFAULT, header, nobody_is_asked)
    assert (decision.allowed, decision.principal) == (True, None)
    assert without_credentials(DEFAULT).allowed


@pytest.mark.parametrize("header", [None, "", "Basic YWRtaW46YWRtaW4=", "nonsense"])
def test_deny_all_forbids_whatever_is_sent(header: str | None) -> None:
    decision = decide(DENY_ALL, header, nobody_is_asked)
    assert (decision.allowed, outcome(decision)) == (False, (403, None))
    assert outcome(without_credentials(DENY_ALL)) == (403, None)


def test_a_view_of_an_open_api_needs_no_authorizer() -> None:
    assert confirm(DEFAULT, None).allowed


@pytest.mark.parametrize("principal", [None, "", "admin"])
def test_under_deny_all_not_even_a_principal_gets_in(principal: str | None) -> None:
    assert outcome(confirm(DENY_ALL, principal)) == (403, None)


@pytest.mark.parametrize("backend", [PASSWORD_AUTH, BASIC_AUTH, KERBEROS_AUTH])
def test_a_view_takes_the_authorizers_word_and_nothing_less(backend: str) -> None:
    assert confirm(backend, "ada") == Decision(allowed=True, principal="ada")
    for nobody in (None, ""):
        assert outcome(confirm(backend, nobody)) == (403, None)


def test_an_unset_backend_is_closed() -> None:
    assert Settings.from_environ({}).auth_backend == DENY_ALL
    assert not is_open(DENY_ALL)


def test_of_a_list_of_backends_the_first_counts() -> None:
    environ = {"AIRFLOW__API__AUTH_BACKENDS": f"{BASIC_AUTH}, airflow.api.auth.backend.session"}
    assert Settings.from_environ(environ).auth_backend == BASIC_AUTH


@pytest.mark.parametrize(
    "ask",
    [
        lambda backend: decide(backend, None, nobody_is_asked),
        lambda backend: confirm(backend, None),
        without_credentials,
        is_open,
    ],
)
def test_an_unknown_backend_is_a_setting_error_that_lists_what_there_is(ask: Callable[[str], object]) -> None:
    with pytest.raises(SettingError, match=NOT_SERVED) as caught:
        ask(NOT_SERVED)
    for named in ("AIRFLOW__API__AUTH_BACKEND", DEFAULT, DENY_ALL, PASSWORD_AUTH, BASIC_AUTH, KERBEROS_AUTH):
        assert named in str(caught.value)
