"""Sizes of user packages, beside what Lambda takes."""

from pathlib import Path

import pytest

from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.installed import MEBIBYTE, Distribution, Installed
from chalicelib.user_packages.installing import refuse_too_large


def test_what_is_too_large_for_a_function_is_refused_with_the_largest(tmp_path: Path) -> None:
    installed = Installed(
        folder=tmp_path,
        distributions=(
            Distribution(name="pyarrow", version="1", size=167 * MEBIBYTE),
            Distribution(name="pandas", version="1", size=60 * MEBIBYTE),
        ),
        size=227 * MEBIBYTE,
    )
    refuse_too_large(installed, 23 * MEBIBYTE)
    with pytest.raises(UserPackagesError) as refused:
        refuse_too_large(installed, 50 * MEBIBYTE)
    assert str(refused.value) == (
        "User packages are too large for a function: 227 MB, 277 MB with its own package, and Lambda takes "
        "250 MB unpacked. Largest: pyarrow 167 MB, pandas 60 MB. What your tasks do not import can be left "
        "out by a line '# updraft: without pandas, pyarrow' in requirements.txt"
    )
