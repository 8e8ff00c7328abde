import pytest

from chalicelib.auth.backends import DEFAULT, DENY_ALL, confirm, decide, is_open
from chalicelib.settings import SettingError, Settings

NOT_SERVED = "airflow.providers.acme.auth"


@pytest.mark.parametrize("header", [None, "", "Basic YWRtaW46YWRtaW4=", "nonsense"])
def test_the_default_backend_lets_everyone_in_and_knows_nobody(header: str | None) -> None:
    decision = decide(DEFAULT, header)
    assert (decision.allowed, decision.principal) == (True, None)


@pytest.mark.parametrize("header", [None, "", "Basic YWRtaW46YWRtaW4=", "nonsense"])
def test_deny_all_forbids_whatever_is_sent(header: str | None) -> None:
    decision = decide(DENY_ALL, header)
    assert (decision.allowed, decision.status, decision.challenge) == (False, 403, None)


def test_a_view_of_an_open_api_needs_no_authorizer() -> None:
    assert confirm(DEFAULT, None).allowed


@pytest.mark.parametrize("principal", [None, "", "admin"])
def test_under_deny_all_not_even_a_principal_gets_in(principal: str | None) -> None:
    decision = confirm(DENY_ALL, principal)
    assert (decision.allowed, decision.status) == (False, 403)


def test_an_unset_backend_is_closed() -> None:
    assert not is_open(Settings.from_environ({}).auth_backend)


@pytest.mark.parametrize("ask", [decide, confirm])
def test_an_unknown_backend_is_a_setting_error_that_lists_what_there_is(ask: object) -> None:
    with pytest.raises(SettingError, match=NOT_SERVED) as caught:
        ask(NOT_SERVED, None)
    assert "AIRFLOW__API__AUTH_BACKEND" in str(caught.value)
    assert DEFAULT in str(caught.value)
    assert DENY_ALL in str(caught.value)
