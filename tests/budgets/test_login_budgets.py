"""What it costs to find out who calls: DynamoDB requests of the authorizer and of the view behind it."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import aws, bootstrap
from chalicelib.auth.accounts import create_user
from chalicelib.auth.backends import BASIC_AUTH
from chalicelib.auth.logins import RENEWED_AFTER
from chalicelib.engine.engine import Engine
from chalicelib.local.application import refusals
from chalicelib.local.gateway import HttpAnswer, HttpRequest, StageGateway
from chalicelib.settings import Settings
from tests.budgets.deployment import MeteredDeployment
from tests.meter import Meter
from tests.scripted.in_process_api import InProcessApi

READ = {("BatchGetItem", "logins+users"): 1}


class Guarded:
    """The API under basic_auth, over moto's tables."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings = engine, settings
        self._gateway = StageGateway(InProcessApi(settings).app, refusals(BASIC_AUTH))

    def ask(self, password: str, source_ip: str = "192.0.2.7") -> tuple[int, Meter]:
        """A request for a view that needs no store itself."""
        login = base64.b64encode(f"ada:{password}".encode()).decode()
        headers = (("Authorization", f"Basic {login}"),)
        path = "/api/experimental/test"
        request = HttpRequest(method="GET", target=path, headers=headers, source_ip=source_ip)
        with Meter() as meter:
            answer: HttpAnswer = self._gateway.answer(request)
        return answer.status, meter

    def new_process(self) -> Any:
        """Until the block ends all is served by a process that has seen nobody yet."""
        return bootstrap.use(engine=self.engine, settings=self.settings)

    def exhaust(self) -> None:
        """Use up ada's checks, for half a minute."""
        users, ahead = self.engine.store.users, datetime.now(UTC) + timedelta(seconds=45)
        while users.begin_check("ada", users.for_login("ada")[1], ahead)[0]:
            pass


@pytest.fixture
def guarded(deployment: MeteredDeployment) -> Iterator[Guarded]:
    settings = replace(deployment._settings, auth_backend=BASIC_AUTH, bcrypt_cost=4)
    create_user(deployment.engine.store.users, "ada", "right", cost=4, now=datetime.now(UTC))
    with bootstrap.use(engine=deployment.engine, settings=settings):
        yield Guarded(deployment.engine, settings)


def test_a_right_password_costs_four_requests_once_a_day(guarded: Guarded) -> None:
    status, meter = guarded.ask("right")
    assert status == 200
    # read, check, proof; and where it came from
    assert meter.dynamodb == READ | {("UpdateItem", "logins"): 3}
    assert meter.write_units == 3


def test_the_first_login_of_a_process_reads_the_key_and_the_first_of_all_makes_it(guarded: Guarded) -> None:
    aws.client("s3").delete_object(Bucket=guarded.settings.bucket, Key="auth/proof_key")
    assert guarded.ask("wrong")[1].s3 == {"GetObject": 1, "PutObject": 1}
    assert guarded.ask("wrong")[1].s3.total() == 0
    with guarded.new_process():
        assert guarded.ask("wrong")[1].s3 == {"GetObject": 1}


def test_a_warm_process_asks_nobody_and_a_cold_one_once(guarded: Guarded) -> None:
    guarded.ask("right")
    status, meter = guarded.ask("right")
    assert (status, meter.dynamodb_requests, meter.s3.total()) == (200, 0, 0)
    with guarded.new_process():
        status, meter = guarded.ask("right")
        assert (status, meter.dynamodb) == (200, READ)
        status, meter = guarded.ask("right")
        assert (status, meter.dynamodb_requests) == (200, 0)


def test_a_wrong_password_costs_two_requests_and_a_throttled_one(guarded: Guarded) -> None:
    status, meter = guarded.ask("wrong")
    assert (status, meter.dynamodb) == (401, READ | {("UpdateItem", "logins"): 1})
    guarded.exhaust()
    status, meter = guarded.ask("wrong")
    assert (status, meter.dynamodb) == (429, READ)
    assert meter.read_units <= 2


def test_another_address_costs_one_request(guarded: Guarded) -> None:
    guarded.ask("right")
    assert guarded.ask("right", "198.51.100.9")[1].dynamodb == {("UpdateItem", "logins"): 1}
    assert guarded.ask("right", "198.51.100.9")[1].dynamodb_requests == 0


def test_a_proof_in_use_costs_one_more_request_an_hour(guarded: Guarded) -> None:
    users = guarded.engine.store.users
    guarded.ask("right")
    proof = users.for_login("ada")[1].proof
    assert proof
    users.renew_proof("ada", proof.digest, datetime.now(UTC) - 2 * RENEWED_AFTER)
    for costs in (READ | {("UpdateItem", "logins"): 1}, READ):
        with guarded.new_process():
            assert guarded.ask("right")[1].dynamodb == costs
