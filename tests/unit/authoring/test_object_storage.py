"""``ObjectStoragePath``: files by URLs, and no stores."""

from pathlib import Path

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.object_storage.file_paths import ObjectStoragePath


def test_a_url_of_a_file_is_its_path(tmp_path: Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}", conn_id="local")
    (folder / "a.txt").write_text("here")
    assert [path.read_text() for path in folder.iterdir()] == ["here"]
    assert isinstance(folder / "a.txt", ObjectStoragePath)
    assert (folder.conn_id, folder.protocol, folder.path) == ("local", "file", str(tmp_path))
    assert (folder / "a.txt").conn_id is None


@pytest.mark.parametrize("url", ["s3://bucket/key", "gs://bucket"])
def test_a_store_is_refused_with_the_packages_that_it_needs(url: str) -> None:
    with pytest.raises(AirflowException, match=r"universal-pathlib.*into requirements.txt"):
        ObjectStoragePath(url)
