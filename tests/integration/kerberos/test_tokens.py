"""Tokens of MIT's library against the verifier: which prove somebody, and which prove nobody."""

import base64
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minikerberos.protocol.asn1_structs import AP_REQ

from chalicelib.auth.kerberos import gss_tokens
from chalicelib.auth.kerberos.keytabs import service_keys
from chalicelib.auth.kerberos.verifier import KEYTAB_KEPT_FOR, KerberosVerifier
from chalicelib.auth.ports import Replays
from chalicelib.auth.verdicts import Caller, Refused, Verdict
from chalicelib.settings import SettingError
from chalicelib.store.memory import MemoryStore
from tests.integration.kerberos.realm import HOST, Realm

USER = "user@KRBTEST.COM"
FLIPS = 300


class Desk:
    """A verifier with a keytab, over memory, whose clock can be off."""

    def __init__(self, keytab: Path, replays: Replays | None = None) -> None:
        self.keytab = keytab
        self.reads = 0
        self.off = timedelta()
        self.verify = KerberosVerifier(
            read_keytab=self._read, replays=replays or MemoryStore().replays, now=self.now
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off

    def ask(self, token: str | bytes) -> Verdict:
        text = token if isinstance(token, str) else base64.b64encode(token).decode()
        return self.verify(f"Negotiate {text}")

    def _read(self) -> bytes:
        self.reads += 1
        return self.keytab.read_bytes()


@pytest.fixture
def desk(realm: Realm) -> Desk:
    return Desk(realm.keytab)


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
@pytest.mark.parametrize("service", ["HTTP", "airflow"])
def test_a_ticket_proves_its_holder(realm: Realm, desk: Desk, service: str, mechanism: str) -> None:
    verdict = desk.ask(realm.user.token(f"{service}@{HOST}", mechanism))
    assert isinstance(verdict, Caller)
    assert verdict.principal == USER


def test_an_ap_req_without_a_frame_is_taken_as_mit_takes_it(realm: Realm, desk: Desk) -> None:
    framed = base64.b64decode(realm.user.token(mechanism="krb5"))
    verdict = desk.ask(gss_tokens.opened(framed).ap_req)
    assert isinstance(verdict, Caller)


def test_principals_with_an_instance_are_others(realm: Realm, desk: Desk) -> None:
    verdict = desk.ask(realm.admin().token())
    assert isinstance(verdict, Caller)
    assert verdict.principal == "user/admin@KRBTEST.COM"


@pytest.mark.parametrize("word", ["Negotiate", "negotiate", "Basic", "Kerberos"])
def test_the_word_before_the_token_does_not_matter(realm: Realm, desk: Desk, word: str) -> None:
    assert isinstance(desk.verify(f"{word} {realm.user.token()}"), Caller)


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_the_reply_proves_the_server_to_mits_library(realm: Realm, desk: Desk, mechanism: str) -> None:
    with realm.user.exchange(mechanism) as exchange:
        verdict = desk.ask(exchange.token)
        assert isinstance(verdict, Caller)
        assert verdict.reply
        assert exchange.proves_the_server(verdict.reply) == "proven"


def test_a_reply_to_another_token_does_not(realm: Realm, desk: Desk) -> None:
    with realm.user.exchange("krb5") as other:
        verdict = desk.ask(other.token)
        other.proves_the_server("")
    assert isinstance(verdict, Caller)
    assert verdict.reply
    with realm.user.exchange("krb5") as exchange:
        assert exchange.proves_the_server(verdict.reply) != "proven"


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_a_token_is_accepted_once_by_all_instances_together(realm: Realm, mechanism: str) -> None:
    replays = MemoryStore().replays
    here, there = Desk(realm.keytab, replays), Desk(realm.keytab, replays)
    token = realm.user.token(mechanism=mechanism)
    assert isinstance(here.ask(token), Caller)
    for desk in (here, there):
        assert desk.ask(token) == Refused(reason="the token was used before", claimed=USER)


def test_a_token_in_other_wrapping_is_the_same_token(realm: Realm, desk: Desk) -> None:
    framed = base64.b64decode(realm.user.token(mechanism="krb5"))
    assert isinstance(desk.ask(framed), Caller)
    assert reason(desk.ask(gss_tokens.opened(framed).ap_req)) == "the token was used before"


def test_each_token_of_one_ticket_is_another(realm: Realm, desk: Desk) -> None:
    assert isinstance(desk.ask(realm.user.token()), Caller)
    assert isinstance(desk.ask(realm.user.token()), Caller)


@pytest.mark.parametrize(
    ("off", "why"),
    [
        (timedelta(minutes=6), "the client's clock is off by more than five minutes"),
        (timedelta(minutes=-6), "the ticket is not valid yet"),
        (timedelta(days=2), "the ticket has expired"),
    ],
)
def test_a_token_of_another_time_is_refused(realm: Realm, desk: Desk, off: timedelta, why: str) -> None:
    token = realm.admin().token()  # of a ticket that is as new as the token
    desk.off = off
    assert reason(desk.ask(token)) == why


def test_a_clock_that_is_a_little_off_does_not_matter(realm: Realm, desk: Desk) -> None:
    for minutes in (-4, 4):
        desk.off = timedelta(minutes=minutes)
        assert isinstance(desk.ask(realm.user.token()), Caller)


def test_a_replay_is_refused_for_as_long_as_the_token_is_fresh(realm: Realm, desk: Desk) -> None:
    token = realm.user.token()
    desk.off = timedelta(minutes=-4, seconds=-50)  # as if the client's clock were so much ahead
    assert isinstance(desk.ask(token), Caller)
    desk.off = timedelta(minutes=4)
    assert reason(desk.ask(token)) == "the token was used before"


def test_a_ticket_for_another_service_is_refused(realm: Realm, desk: Desk, tmp_path: Path) -> None:
    realm.add_service(f"imap/{HOST}")
    assert (
        reason(desk.ask(realm.user.token(f"imap@{HOST}")))
        == "the ticket is for another service: imap/localhost"
    )


def test_a_ticket_for_another_host_is_refused(realm: Realm, desk: Desk) -> None:
    realm.add_service("HTTP/elsewhere")
    assert reason(desk.ask(realm.user.token("HTTP@elsewhere"))).startswith(
        "the keytab has no key of HTTP/elsewhere@KRBTEST.COM"
    )


def test_an_old_key_is_refused_and_both_are_accepted_while_both_are_kept(
    realm: Realm, tmp_path: Path
) -> None:
    name, host = "HTTP/rotated", "HTTP@rotated"
    realm.add_service(name)
    old, both = tmp_path / "old", tmp_path / "both"
    realm.enter(name, old)
    realm.enter(name, both)
    before = realm.user.token(host)
    realm.renew_key(name)
    realm.enter(name, both)
    fresh = realm.admin()  # whose cache has no ticket of the old key
    assert reason(Desk(old).ask(fresh.token(host))) == "the keytab has no version 2 of the key"
    assert isinstance(Desk(both).ask(before), Caller)
    assert isinstance(Desk(both).ask(fresh.token(host)), Caller)


def test_a_key_of_the_right_version_that_is_another_is_refused(realm: Realm, tmp_path: Path) -> None:
    name = "HTTP/refounded"
    realm.add_service(name)
    kept = tmp_path / "keytab"
    realm.enter(name, kept)
    realm._realm.run_kadminl(["delprinc", "-force", name])
    realm.add_service(name)
    verdict = Desk(kept).ask(realm.user.token("HTTP@refounded"))
    assert reason(verdict) == "the ticket was changed, or encrypted with another key"


def test_a_keytab_is_read_again_after_some_minutes(realm: Realm, desk: Desk) -> None:
    for _ in range(3):
        desk.ask("AAAA")
    assert desk.reads == 1
    desk.off = KEYTAB_KEPT_FOR
    desk.ask("AAAA")
    assert desk.reads == 2


def test_holes_in_a_keytab_are_no_end(realm: Realm, tmp_path: Path) -> None:
    keytab = tmp_path / "keytab"
    for name in (f"airflow/{HOST}", f"HTTP/{HOST}"):
        realm.enter(name, keytab)
    realm.take_out(f"airflow/{HOST}", keytab)
    assert {key.name for key in service_keys(keytab.read_bytes())} == {("HTTP", HOST)}
    assert isinstance(Desk(keytab).ask(realm.user.token()), Caller)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: b"no keytab at all",
        lambda whole: whole[:30],
        lambda whole: whole[:-7],
        lambda whole: whole[:2],
    ],
)
def test_a_broken_keytab_is_a_setting_error_that_shows_nothing_of_it(
    realm: Realm, spoil: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(SettingError, match="AIRFLOW__KERBEROS__KEYTAB") as caught:
        service_keys(spoil(realm.keytab.read_bytes()))
    assert HOST not in str(caught.value)


def test_a_key_shows_nothing_of_itself(realm: Realm) -> None:
    for key in service_keys(realm.keytab.read_bytes()):
        assert key.contents.hex() not in repr(key)
        assert repr(key.contents)[2:-1] not in repr(key)


@pytest.mark.parametrize("etype", ["arcfour-hmac:normal", "aes128-cts-hmac-sha1-96:normal"])
def test_rc4_is_refused_and_aes128_is_not(realm: Realm, tmp_path: Path, etype: str) -> None:
    host = etype.partition("-")[0]
    name, keytab = f"HTTP/{host}", tmp_path / "keytab"
    realm.add_service(name, "-e", etype)
    realm.enter(name, keytab)
    realm.enter(f"HTTP/{HOST}", keytab)
    verdict = Desk(keytab).ask(realm.user.token(f"HTTP@{host}"))
    if host == "aes128":
        assert isinstance(verdict, Caller)
    else:
        assert reason(verdict) == "the ticket is encrypted with type 23, which is not AES"


@pytest.mark.parametrize("etype", [1, 3, 16, 23, 24, 0, -1])
def test_no_weak_type_is_even_tried(realm: Realm, desk: Desk, etype: int) -> None:
    opened = gss_tokens.opened(base64.b64decode(realm.user.token(mechanism="krb5")))
    ap_req = AP_REQ.load(opened.ap_req).copy()
    ap_req["ticket"]["enc-part"]["etype"] = etype
    assert (
        reason(desk.ask(ap_req.dump(force=True)))
        == f"the ticket is encrypted with type {etype}, which is not AES"
    )


NO_TOKENS = ["", "!!!", "AAAA", "YII=", "ünïcödé", base64.b64encode(b"x" * 9000).decode(), "A" * 20_000]


@pytest.mark.parametrize("token", NO_TOKENS, ids=range(len(NO_TOKENS)))
def test_garbage_is_refused(desk: Desk, token: str) -> None:
    assert isinstance(desk.ask(token), Refused)
    assert isinstance(desk.verify(token), Refused)


def test_a_client_that_begins_with_another_mechanism_is_asked_to_begin_anew(realm: Realm, desk: Desk) -> None:
    ntlm, kerberos = "1.3.6.1.4.1.311.2.2.10", gss_tokens.KERBEROS
    init = gss_tokens._NegTokenInit({"mechTypes": [ntlm, kerberos], "mechToken": b"NTLMSSP\0"})
    token = gss_tokens._framed("1.3.6.1.5.5.2", gss_tokens._NegotiationToken("negTokenInit", init).dump())
    verdict = desk.ask(token)
    assert isinstance(verdict, Refused)
    assert verdict.wants_another_leg
    only = gss_tokens._NegTokenInit({"mechTypes": [ntlm], "mechToken": b"NTLMSSP\0"})
    token = gss_tokens._framed("1.3.6.1.5.5.2", gss_tokens._NegotiationToken("negTokenInit", only).dump())
    assert desk.ask(token) == Refused(reason="the client does not offer Kerberos")


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_no_flipped_bit_changes_who_it_is_or_makes_anything_fail(realm: Realm, mechanism: str) -> None:
    token = base64.b64decode(realm.user.token(mechanism=mechanism))
    entropy = random.Random(20261122)
    accepted = 0
    for _ in range(FLIPS):
        flipped = bytearray(token)
        flipped[entropy.randrange(len(token))] ^= 1 << entropy.randrange(8)
        verdict = Desk(realm.keytab).ask(bytes(flipped))
        if isinstance(verdict, Caller):
            accepted += 1
            assert verdict.principal == USER
    assert accepted < FLIPS / 10  # what is around the encrypted parts, such as options that nobody reads


@pytest.mark.parametrize("mechanism", ["spnego", "krb5"])
def test_a_token_that_is_cut_short_or_goes_on_is_refused(realm: Realm, desk: Desk, mechanism: str) -> None:
    token = base64.b64decode(realm.user.token(mechanism=mechanism))
    for length in range(0, len(token), 7):
        assert isinstance(desk.ask(token[:length]), Refused)
    assert isinstance(desk.ask(token + b"\0"), Refused)
    assert isinstance(desk.ask(token), Caller)
