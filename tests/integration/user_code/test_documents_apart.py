"""The process that makes documents of DAG files: what files find in it, say, and cannot do to others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.variables import checked_variable
from chalicelib.engine.dags.sync import DagsFolder
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents_apart import dags_apart
from tests.integration.user_code.trying import is_alive
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]


class Secrets:
    """A secrets backend with one variable."""

    name = "SomeBackend"

    def connection(self, conn_id: str) -> str | None:
        return None

    def variable(self, key: str) -> str | None:
        return "kept apart" if key == "of_backend" else None

    def option(self, key: str) -> str | None:
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


def write(folder: Path, **bodies: str) -> None:
    for name, body in bodies.items():
        (folder / f"{name}.py").write_text(f"from airflow import DAG\n{body}\ndag = DAG({name!r})\n")


def load(folder: Path, store: MemoryStore | None = None) -> DagsFolder:
    kept = store or MemoryStore()
    return dags_apart(folder, variables=kept.variables, connections=kept.connections, secrets=Secrets())


def test_files_find_variables_connections_and_secrets_and_change_them(folder: Path) -> None:
    store = MemoryStore()
    store.variables.save(checked_variable("city", "Ulm"))
    store.connections.save(StoredConnection(conn_id="db", conn_type="postgres", host="h", password="x"))
    write(
        folder,
        asks="from airflow.models import Variable\nfrom airflow.hooks.base import BaseHook\n"
        "assert (Variable.get('city'), Variable.get('of_backend')) == ('Ulm', 'kept apart')\n"
        "assert BaseHook.get_connection('db').host == 'h'\n"
        "Variable.set('seen', 'yes')",
        later="from airflow.models import Variable\nassert Variable.get('seen') == 'yes'",
    )
    loaded = load(folder, store)
    assert loaded.broken == ()
    seen = store.variables.get("seen")
    assert seen is not None
    assert seen.value == "yes"


def test_what_files_print_is_not_on_the_standard_output_of_the_command(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(folder, prints="import os, subprocess\nprint('one')\nsubprocess.run(['echo', 'two'], check=True)")
    assert load(folder).broken == ()
    said = capfd.readouterr()
    assert said.out == ""
    assert "one\n" in said.err
    assert "two\n" in said.err


def test_a_file_that_gets_hold_of_its_socket_is_broken_alone(folder: Path) -> None:
    speaks = (
        "import os, struct\n"
        "for fd in os.listdir('/proc/self/fd'):\n"
        "    try: is_socket = os.readlink('/proc/self/fd/' + fd).startswith('socket')\n"
        "    except OSError: continue\n"
        "    if is_socket: os.write(int(fd), struct.pack('!II', 16, 5) + b'{\"op\": \"loaded\"}' + b'[123]')"
    )
    kills = "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(600)"
    write(folder, a_speaks=speaks, b_kills=kills, c_sound="")
    loaded = load(folder)
    assert [dag.document["dag_id"] for dag in loaded.dags] == ["c_sound"]
    assert [(file.filename, file.message) for file in loaded.broken] == [
        ("a_speaks.py", "loading it did not keep to the protocol: TypeError"),
        ("b_kills.py", "loading it ended the process"),
    ]


def test_what_files_have_started_ends_with_their_process(folder: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    write(
        folder,
        starts="import subprocess\n"
        "started = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(note)!r}, 'w').write(str(started.pid))",
    )
    assert load(folder).broken == ()
    wait_for(lambda: not is_alive(int(note.read_text())))


def test_the_process_ends_with_the_command_that_asked(folder: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    write(
        folder, endless=f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "chalicelib", "dags", "list", "-S", str(folder)],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        wait_for(lambda: note.exists() and note.read_text() != "")
        command.kill()
    wait_for(lambda: not is_alive(int(note.read_text())))
