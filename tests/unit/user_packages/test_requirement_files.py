"""Reading of ``requirements.txt``: what it asks for, what is left out and what is refused."""

from pathlib import Path

import pytest

from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.requirement_files import Asked, asked_for


def asked(folder: Path, text: str, **files: str) -> Asked:
    found = read(folder, text, **files)
    assert found is not None
    return found


def read(folder: Path, text: str, **files: str) -> Asked | None:
    (folder / "requirements.txt").write_text(text)
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content)
    return asked_for(folder)


def refusal(folder: Path, text: str, **files: str) -> str:
    with pytest.raises(UserPackagesError) as refused:
        read(folder, text, **files)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_folder_without_the_file_asks_for_nothing(tmp_path: Path) -> None:
    assert asked_for(tmp_path) is None
    assert read(tmp_path, "# nothing yet\n\n") is None


def test_comments_continued_lines_extras_and_markers_are_understood(tmp_path: Path) -> None:
    text = (
        "\ufeffRequests[socks]>=2.31,  \\\n  <3   # for the API\n"
        "# a comment\\\n"
        'tabulate ; python_version >= "3.9"\r\n'
        "--prefer-binary\n"
    )
    found = asked(tmp_path, text)
    assert found.requirements == ("Requests[socks]<3,>=2.31", 'tabulate; python_version >= "3.9"')
    assert found.options == ("--prefer-binary",)
    assert found.names == {"requests", "tabulate"}


def test_other_files_of_the_folder_are_read_once_each(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        "-r base.txt\n-c bounds.txt\nsix\n",
        base="--requirement=requirements.txt\nattrs",
        bounds="six<2",
    )
    assert found.requirements == ("attrs", "six")
    assert found.constraints == ("six<2",)


def test_paths_of_the_dags_folder_on_other_airflows_are_those_of_this_one(tmp_path: Path) -> None:
    found = asked(tmp_path, '--constraint "/usr/local/airflow/dags/bounds.txt"\nsix\n', bounds="six<2")
    assert found.constraints == ("six<2",)
    assert "is not in the DAGs folder" in refusal(tmp_path, "-r /opt/airflow/dags/../../../etc/passwd")


def test_airflow_itself_is_left_out_and_its_extras_become_provider_packages(tmp_path: Path) -> None:
    found = asked(
        tmp_path, "six\nApache_Airflow[amazon, gcp,celery, pandas]==2.9.3\napache-airflow-task-sdk\n"
    )
    assert found.requirements == (
        "six",
        "apache-airflow-providers-amazon",
        "apache-airflow-providers-google",
        "pandas<2.2,>=1.2.5",
    )
    first, second = found.notes
    assert first.startswith("requirements.txt, line 2: Apache_Airflow is left out, Updraft takes its place; ")
    assert "no package here for celery" in first
    assert second == "requirements.txt, line 3: apache-airflow-task-sdk is left out, Updraft takes its place"


def test_airflow_alone_asks_for_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "apache-airflow==2.10.5\n") is None


def test_constraints_of_airflow_are_left_out(tmp_path: Path) -> None:
    place = "https://raw.githubusercontent.com/apache/airflow/constraints-2.10.5/constraints-3.11.txt"
    found = asked(tmp_path, f'--constraint "{place}"\nsix\n')
    assert found.constraints == ()
    assert found.notes[0].startswith("requirements.txt, line 1: Airflow's constraints are left out")


def test_dependencies_can_be_left_out_by_a_comment_that_pip_ignores(tmp_path: Path) -> None:
    found = asked(tmp_path, "six\n# updraft: without pyarrow, Pandas\n#updraft:without  my_pkg\n")
    assert found.without == ("my-pkg", "pandas", "pyarrow")
    found = asked(tmp_path, "six\n# updraft: without googleapiclient/discovery_cache, pandas\n")
    assert (found.without, found.without_files) == (("pandas",), ("googleapiclient/discovery_cache",))
    for place in ("../x", "/etc/passwd", "a/../../b", "a//b", "a/./b"):
        assert "is not understood" in refusal(tmp_path, f"six\n# updraft: without {place}\n")
    said = refusal(tmp_path, "six\n# updraft: without six\n")
    assert said == "requirements.txt asks for six and for leaving it out: take one line out"
    assert "line 1: '# updraft: with six' is not understood" in refusal(tmp_path, "# updraft: with six")
    assert "is not understood" in refusal(tmp_path, "# updraft: without --pre")


def test_package_indexes_are_taken_by_https_alone(tmp_path: Path) -> None:
    found = asked(tmp_path, "--extra-index-url https://${TOKEN}@pypi.example.com/simple\nsix\n")
    assert found.options == ("--extra-index-url https://${TOKEN}@pypi.example.com/simple",)
    said = refusal(tmp_path, "-i http://user:secret@pypi.example.com/simple\n")
    assert "secret" not in said
    assert said.endswith("is no package index that is taken here: name it by a URL that begins with https://")


def test_a_wheel_in_the_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "my_lib-1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    before = asked(tmp_path, "./wheels/my_lib-1.0-py3-none-any.whl\n")
    assert before.requirements == (f"my-lib @ {wheel.as_uri()}",)
    wheel.write_bytes(b"two")
    assert asked(tmp_path, "./wheels/my_lib-1.0-py3-none-any.whl\n").digest != before.digest


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e .", "cannot be deployed"),
        ("--editable=git+https://example.com/x.git#egg=x", "cannot be deployed"),
        ("git+https://example.com/x.git", "is taken from nowhere"),
        ("x @ https://example.com/x-1-py3-none-any.whl", "names a URL"),
        ("x @ file:///etc/passwd", "names a URL"),
        ("https://example.com/x-1-py3-none-any.whl", "is taken from nowhere"),
        ("../x-1-py3-none-any.whl", "is not in the DAGs folder"),
        ("/opt/x-1-py3-none-any.whl", "is not in the DAGs folder"),
        ("./x.whl", "is no file"),
        ("./source", "is taken from nowhere"),
        ("-r ../other.txt", "is not in the DAGs folder"),
        ("-r/etc/passwd", "is not in the DAGs folder"),
        ("-c https://example.com/constraints.txt", "is not in the DAGs folder"),
        ("-r nowhere.txt", "is no file"),
        ("--find-links=https://example.com", "from pip's own settings alone"),
        ("--trusted-host example.com", "from pip's own settings alone"),
        ("six==1.16.0 --hash=sha256:00", "has hashes"),
        ("--require-hashes", "is not supported"),
        ("six --global-option=x", "has an option"),
        ("--no-binary :all:", "is not supported"),
        ("--target=/etc", "is not supported"),
        ("six; os.system('id')", "is no requirement"),
        ("$(id)", "is no requirement"),
        ("six `id`", "is no requirement"),
        ("${HOME}", "is no requirement"),
    ],
)
def test_lines_that_are_not_safe_or_not_supported_are_refused(tmp_path: Path, line: str, why: str) -> None:
    said = refusal(tmp_path, f"attrs\n{line}\n")
    assert said.startswith("requirements.txt, line 2: ")
    assert why in said


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("six\n")
    (folder / "inside.txt").symlink_to(tmp_path / "outside.txt")
    assert "is not in the DAGs folder" in refusal(folder, "-r inside.txt")
    (folder / "requirements.txt").unlink()
    (folder / "requirements.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(UserPackagesError, match="a link out of the DAGs folder"):
        asked_for(folder)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfes\x00i\x00x\x00")
    with pytest.raises(UserPackagesError, match="is no text in UTF-8"):
        asked_for(tmp_path)
