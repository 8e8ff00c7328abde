"""Notifiers: callbacks that are objects, with templates in their attributes."""

import logging
from typing import Any

import pytest

from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.running.context import context_of
from chalicelib.authoring.running.notifier import BaseNotifier
from chalicelib.authoring.running.task_instance import task_instance_of
from tests.unit.authoring.running import FakeXComs, a_dag, request_for

SENT: list[tuple[str, str]] = []


class Notifier(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text: str, fails: bool = False) -> None:
        super().__init__()
        self.text = text
        self.fails = fails

    def notify(self, context: Any) -> None:
        if self.fails:
            raise RuntimeError("no connection")
        SENT.append((self.text, context["text"]))


def context() -> Any:
    with a_dag() as dag:
        EmptyOperator(task_id="a")
    return context_of(task_instance_of(dag, request_for(dag, "a"), FakeXComs()))


def test_a_notifier_renders_its_attributes() -> None:
    SENT.clear()
    Notifier("{{ ti.task_id }} of {{ dag.dag_id }}")(context())
    assert SENT == [("a of x", "{{ ti.task_id }} of {{ dag.dag_id }}")]


class OfPackage(Notifier):
    """One that finds a text when it notifies, and has it rendered then, as notifiers of packages do."""

    def notify(self, context: Any) -> None:
        self.text = "{{ ti.task_id }} by default"
        environment = self.get_template_env(dag=context["dag"])
        self._do_render_template_fields(self, ["text"], context, environment, set())
        super().notify(context)


def test_a_notifier_may_render_more_when_it_notifies() -> None:
    SENT.clear()
    OfPackage("")(context())
    assert SENT == [("a by default", "")]


def test_a_notification_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        Notifier("x", fails=True)(context())
    assert "Failed to send notification: no connection" in caplog.text
