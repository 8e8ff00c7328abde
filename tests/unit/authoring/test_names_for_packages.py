"""Names of Airflow's core that provider packages import and DAG files hardly ever do."""

import importlib
import os
import signal
from typing import Any

import pytest

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.exceptions import AirflowTaskTimeout


def _module(name: str) -> Any:
    with finder.importable():
        return importlib.import_module(f"airflow.{name}")


def test_yaml_has_all_names_of_the_library() -> None:
    yaml = _module("utils.yaml")
    assert yaml.safe_load(yaml.safe_dump({"a": [1]})) == {"a": [1]}
    assert yaml.dump({"a": 1}) == "a: 1\n"
    assert list(yaml.safe_load_all("1\n---\n2\n")) == [1, 2]
    assert issubclass(yaml.YAMLError, Exception)


def test_values_of_the_context_have_names_elsewhere() -> None:
    names = _module("utils.operator_helpers").AIRFLOW_VAR_NAME_FORMAT_MAPPING
    wanted = {"default": "airflow.ctx.dag_run_id", "env_var_format": "AIRFLOW_CTX_DAG_RUN_ID"}
    assert names["AIRFLOW_CONTEXT_DAG_RUN_ID"] == wanted
    assert len(names) == 7


def test_code_inside_a_timeout_is_cut_short() -> None:
    with (
        pytest.raises(AirflowTaskTimeout, match=f"too slow, PID: {os.getpid()}"),
        _module("utils.timeout").timeout(seconds=0.001, error_message="too slow"),
    ):
        signal.pause()


def test_colors_of_pages_are_known() -> None:
    assert _module("settings").WEB_COLORS["LIGHTORANGE"] == "#FF9933"
