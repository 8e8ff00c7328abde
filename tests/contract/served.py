"""Which of the recorded cases are to be answered by now, and under which auth backend."""

from collections.abc import Iterator

from tests.contract.runner import Case, cases

NOT_YET = {
    "auth/basic_auth": "the backend comes with passwords",
    "json_client/delete_dag_2_10": "deleting DAGs comes later",
    "pools/blank_name": "deleting pools comes later",
    "pools/default_pool": "deleting pools comes later",
    "pools/extra_fields": "deleting pools comes later",
    "pools/life": "deleting pools comes later",
    "pools/slots_values": "deleting pools comes later",
    "pools/unknown": "deleting pools comes later",
    "service/options": "names the methods that delete",
}
"""Cases in these files whose routes are not there, and why."""

BACKENDS = {
    None: "airflow.api.auth.backend.default",
    "deny_all": "airflow.api.auth.backend.deny_all",
}
"""The auth backend that a case is recorded under, by its ``auth``."""

_WANT_A_SCHEDULER = frozenset({"runs", "reparse"})


def served_cases(*, with_scheduler: bool) -> Iterator[tuple[str, Case]]:
    """The cases that are served, by ``file/name``; without a scheduler, those that need none."""
    for label, case in cases():
        is_within_reach = with_scheduler or not _WANT_A_SCHEDULER & set(case.get("tags") or ())
        if is_within_reach and label not in NOT_YET and case.get("auth") in BACKENDS:
            yield label, case
