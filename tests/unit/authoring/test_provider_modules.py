"""Provider packages: found where they are installed, and each class the same for good."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.loading.loader import ImportFailure, load_file
from chalicelib.authoring.provider_packages import installed, providers_manager
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.surroundings.connections import Connection
from chalicelib.authoring.taskflow.decorators import task

_HOOK = """
from airflow.hooks.base import BaseHook

class SshHook(BaseHook):
    conn_name_attr = "ssh_conn_id"
    conn_type = "ssh"
    hook_name = "SSH"

    def __init__(self, ssh_conn_id="ssh_default", remote_host=None):
        super().__init__()
        self.ssh_conn_id = ssh_conn_id
        self.remote_host = remote_host

class SSHHook(SshHook):
    pass
"""

_INFO = """
def get_provider_info():
    return {
        "package-name": "apache-airflow-providers-ssh",
        "description": "SSH",
        "connection-types": [
            {"connection-type": "ssh", "hook-class-name": "airflow.providers.ssh.hooks.ssh.SSHHook"},
            {"connection-type": "broken", "hook-class-name": "airflow.providers.ssh.hooks.nope.Hook"},
        ],
        "config": {
            "ssh": {
                "description": "Shells",
                "options": {
                    "Keepalive": {"description": "Seconds", "default": "30"},
                    "banner": {"description": "A text", "default": None},
                },
            },
        },
        "task-decorators": [{"name": "ssh", "class-name": "airflow.providers.ssh.hooks.ssh.SSHHook"}],
    }
"""


def _forget() -> None:
    for question in (
        installed.installed_providers,
        providers_manager.hook_of,
        providers_manager.decorators,
        providers_manager._hook_classes,
        providers_manager.option_defaults,
    ):
        question.cache_clear()


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed provider package."""
    package = tmp_path / "airflow/providers/ssh"
    (package / "hooks").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "hooks/__init__.py").write_text("")
    (package / "hooks/ssh.py").write_text(_HOOK)
    (package / "get_provider_info.py").write_text(_INFO)
    metadata = _metadata(tmp_path, "ssh", "4.0.0")
    (metadata / "entry_points.txt").write_text(
        "[apache_airflow_provider]\nprovider_info=airflow.providers.ssh.get_provider_info:get_provider_info\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _forget()
    yield tmp_path
    for name in [name for name in finder._ours if name.startswith("airflow.providers")]:
        del finder._ours[name]
    _forget()


def _metadata(folder: Path, name: str, version: str) -> Path:
    metadata = folder / f"apache_airflow_providers_{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: apache-airflow-providers-{name}\nVersion: {version}\n"
    )
    return metadata


def _name(module: str, name: str) -> Any:
    with finder.importable():
        return getattr(importlib.import_module(module), name)


@pytest.mark.usefixtures("provider")
def test_a_module_of_a_provider_is_the_installed_one_and_the_same_for_good() -> None:
    first = _name("airflow.providers.ssh.hooks.ssh", "SSHHook")
    assert first is _name("airflow.providers.ssh.hooks.ssh", "SSHHook")
    assert "airflow.providers.ssh.hooks.ssh" not in sys.modules


@pytest.mark.usefixtures("provider")
def test_a_path_of_airflow_1_10_leads_to_the_class_of_the_provider() -> None:
    hook = _name("airflow.contrib.hooks.ssh_hook", "SSHHook")
    assert hook is _name("airflow.providers.ssh.hooks.ssh", "SSHHook")


@pytest.mark.usefixtures("provider")
def test_the_packages_of_airflow_1_8_have_the_classes_of_their_modules() -> None:
    hook = _name("airflow.providers.ssh.hooks.ssh", "SSHHook")
    assert hook is _name("airflow.contrib.hooks", "SSHHook")
    assert hook is _name("airflow.hooks", "SSHHook")


def _why_not(folder: Path, line: str) -> str:
    file = folder / "dags/a.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(line)
    failure = load_file(file, file.parent)
    assert isinstance(failure, ImportFailure)
    return failure.message


@pytest.mark.parametrize(
    "line",
    [
        "from airflow.providers.http.operators.http import SimpleHttpOperator",
        "from airflow.operators.http_operator import SimpleHttpOperator",
        "from airflow.operators import SimpleHttpOperator",
    ],
)
def test_a_class_that_was_removed_names_the_versions_that_have_it(provider: Path, line: str) -> None:
    module = provider / "airflow/providers/http/operators/http.py"
    module.parent.mkdir(parents=True)
    module.touch()
    _metadata(provider, "http", "5.0.0")
    message = _why_not(provider, line)
    assert message.endswith(
        "part of apache-airflow-providers-http, but not of 5.0.0, which is installed: "
        "put apache-airflow-providers-http<5 into requirements.txt"
    )


def test_a_name_that_a_module_lacks_names_the_version(provider: Path) -> None:
    message = _why_not(provider, "from airflow.providers.ssh.hooks.ssh import Nope")
    assert "it is part of apache-airflow-providers-ssh, but not of 4.0.0, which is installed" in message


@pytest.mark.usefixtures("provider")
def test_a_module_that_the_installed_version_lacks_names_that_version() -> None:
    with (
        finder.importable(),
        pytest.raises(ModuleNotFoundError, match=r"part of apache-airflow-providers-ssh, but not of 4\.0\.0"),
    ):
        importlib.import_module("airflow.providers.ssh.operators.ssh")


@pytest.mark.usefixtures("provider")
def test_a_connection_has_the_hook_of_the_package_that_knows_its_type() -> None:
    hook = Connection("c", conn_type="ssh").get_hook(hook_params={"remote_host": "h"})
    assert (hook.ssh_conn_id, hook.remote_host) == ("c", "h")
    with pytest.raises(AirflowException, match='Unknown hook type "broken"'):
        Connection("c", conn_type="broken").get_hook()


@pytest.mark.usefixtures("provider")
def test_a_decorator_of_a_package_is_one_of_task() -> None:
    with finder.importable():
        assert task.ssh is _name("airflow.providers.ssh.hooks.ssh", "SSHHook")


@pytest.mark.usefixtures("provider")
def test_an_option_has_the_default_that_its_package_describes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conf.getint("ssh", "keepalive") == 30
    assert conf.getsection("ssh") == {"keepalive": 30}
    assert conf.get("ssh", "banner", fallback="none") == "none"
    monkeypatch.setenv("AIRFLOW__SSH__KEEPALIVE", "5")
    assert conf.getint("ssh", "keepalive") == 5


@pytest.mark.usefixtures("provider")
def test_the_manager_tells_versions() -> None:
    manager = _name("airflow.providers_manager", "ProvidersManager")()
    provider = manager.providers["apache-airflow-providers-ssh"]
    assert (provider.version, provider.data["description"]) == ("4.0.0", "SSH")
    assert manager.hooks["broken"] is None
    assert manager.hooks["ssh"].connection_testable is False
    with pytest.raises(KeyError):
        manager.hooks["telnet"]


@pytest.mark.usefixtures("provider")
def test_the_manager_imports_only_the_hook_that_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    hooks = _name("airflow.providers_manager", "ProvidersManager")().hooks
    assert {"ssh", "broken", "fs"} == set(hooks)
    assert hooks.get("telnet") is None
    assert hooks["ssh"].hook_name == "SSH"
    assert "nope" not in caplog.text
