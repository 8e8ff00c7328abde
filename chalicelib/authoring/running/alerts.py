"""Mails of tries that fail: ``email_on_failure`` and ``email_on_retry``."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.authoring.running.templates import Renderer
from chalicelib.authoring.states import TaskInstanceState
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.domain.runs.outcomes import TryResult

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

log = logging.getLogger("airflow.task")

_SUBJECT = "Airflow alert: {{ti}}"
_CONTENT = (
    "Try {{try_number}} out of {{max_tries + 1}}<br>"
    "Exception:<br>{{exception_html}}<br>"
    'Log: <a href="{{ti.log_url}}">Link</a><br>'
    "Host: {{ti.hostname}}<br>"
    'Mark success: <a href="{{ti.mark_success_url}}">Link</a><br>'
)


def send_alert(ti: "TaskInstance", context: "Context", result: TryResult, raised: BaseException) -> None:
    """Send the mail of a failed try, if the task wants one; what goes wrong is logged, as in Airflow."""
    task = ti.task
    retries = result is TryResult.FAILED and ti.is_eligible_to_retry()
    if not task.email or not (task.email_on_retry if retries else task.email_on_failure):
        return
    ti.state = TaskInstanceState.UP_FOR_RETRY if retries else TaskInstanceState.FAILED
    try:
        from chalicelib.authoring.surroundings.mail import send_email

        values = {
            "exception": raised,
            "exception_html": str(raised).replace("\n", "<br>"),
            "try_number": ti.try_number,
            "max_tries": ti.max_tries,
        }
        context.update(values)
        renderer = Renderer(task, context)
        subject, content = (
            renderer.render_template(_template(name, usual))
            for name, usual in (("subject_template", _SUBJECT), ("html_content_template", _CONTENT))
        )
        send_email(task.email, subject, content)
    except Exception:
        log.exception("Failed to send email to: %s", task.email)


def _template(name: str, usual: str) -> str:
    """The text of the file that ``[email]`` names, else the usual one."""
    path = conf.get("email", name, fallback=None)
    return usual if not path else Path(path).read_text()
