"""Kinds of DAG files over packages that are too large for CI (``make providers-large``)."""

import json

from tests.providers.kinds.clusters import ENDED_AT, cluster, docker_host
from tests.providers.kinds.google_api import READY_AT, google
from tests.providers.kinds.running import DATE, dag, log_of, not_successful


def test_a_job_runs_as_a_pod_held_or_deferred() -> None:
    with cluster() as served:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": served.url}}],
            "users": [{"name": "u", "user": {"token": "of-tests"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        connections = {"cluster": {"conn_type": "kubernetes", "extra": {"kube_config": json.dumps(config)}}}
        run = dag("pod_job.py", None, connections=connections, environ={}, name="large").run(DATE)
    assert not_successful(run) == set(), log_of(run)
    assert "hello from the pod" in run["held"].log
    assert "hello from the pod" in run["deferred"].log
    assert len(run["deferred"].logs) == 2
    assert (served.tokens, served.pods) == ({"Bearer of-tests"}, {})
    held, _ = served.made
    assert held["spec"]["containers"][0]["args"] == ["--day", DATE]
    assert all(looks >= ENDED_AT for looks in served.looks.values())


def test_a_container_runs_on_a_docker_host() -> None:
    with docker_host() as host:
        environ = {"DOCKER_URL": host.url}
        run = dag("container.py", None, connections={}, environ=environ, name="large").run(DATE)
    assert not_successful(run) == {"fails"}, log_of(run)
    assert run["ran"].xcom() == "loaded 3 rows"
    assert "Docker container failed" in run["fails"].log
    assert host.pulled == ["registry.example/etl"]
    by_image = {each["Image"]: each for each in host.containers}
    assert f"DAY={DATE}" in by_image["registry.example/etl:1"]["Env"]
    assert len(host.removed) == 1


def test_a_file_of_a_lake_becomes_a_table_of_bigquery() -> None:
    with google() as served:
        anonymous = {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "shop", "is_anonymous": True},
        }
        run = dag(
            "lake_load.py",
            None,
            connections={"google_cloud_default": anonymous},
            environ={"STORAGE_EMULATOR_HOST": served.url, "BIGQUERY_EMULATOR_HOST": served.url},
            name="large",
        ).run(DATE)
    assert not_successful(run) == set(), log_of(run)
    assert len(run["there"].logs) == READY_AT
    assert run["listed"].xcom() == [f"orders/{DATE}.csv"]
    (job,) = served.jobs.values()
    assert f"day = '{DATE}'" in job["configuration"]["query"]["query"]
    assert all(looks >= READY_AT for looks in served.looks.values())
