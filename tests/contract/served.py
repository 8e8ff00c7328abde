"""Which of the recorded cases are to be answered by now, and under which auth backend."""

from collections.abc import Iterator

from tests.contract.runner import Case, Step, cases

NOT_YET: dict[str, str] = {}
"""Cases in these files whose routes are not there, and why."""

SUPERSEDED = {("service/unknown_paths", "json_client_delete_path")}
"""Steps that are left out: what 2.10.5 does not serve, and Airflow's own client asks for, is served."""

BACKENDS = {
    None: "airflow.api.auth.backend.default",
    "deny_all": "airflow.api.auth.backend.deny_all",
    "basic_auth": "airflow.api.auth.backend.basic_auth",
}
"""The auth backend that a case is recorded under, by its ``auth``."""

USER, PASSWORD = "contract", "secret"
"""Whom the cases know under ``basic_auth``."""

_WANT_A_SCHEDULER = frozenset({"runs", "reparse"})


def served_cases(*, with_scheduler: bool) -> Iterator[tuple[str, Case]]:
    """The cases that are served, by ``file/name``; without a scheduler, those that need none."""
    for label, case in cases():
        is_within_reach = with_scheduler or not _WANT_A_SCHEDULER & set(case.get("tags") or ())
        if is_within_reach and label not in NOT_YET and case.get("auth") in BACKENDS:
            yield (
                label,
                {**case, "steps": [step for step in case["steps"] if not _is_superseded(label, step)]},
            )


def _is_superseded(label: str, step: Step) -> bool:
    return (label, step.get("name")) in SUPERSEDED
