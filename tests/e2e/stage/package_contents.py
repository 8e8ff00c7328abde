"""What is in a deployment package."""

import email
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MB = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """Bytes by package at the top, most first; and the distributions, by their normalized names."""

    zipped: dict[str, int]
    unzipped: dict[str, int]
    distributions: frozenset[str]

    @property
    def zipped_mb(self) -> float:
        return sum(self.zipped.values()) / MB

    @property
    def unzipped_mb(self) -> float:
        return sum(self.unzipped.values()) / MB


def contents(package: Path) -> Contents:
    zipped: Counter[str] = Counter()
    unzipped: Counter[str] = Counter()
    with zipfile.ZipFile(package) as opened:
        for entry in opened.infolist():
            zipped[_top(entry.filename)] += entry.compress_size
            unzipped[_top(entry.filename)] += entry.file_size
        distributions = frozenset(_distributions(opened))
    return Contents(
        zipped=dict(zipped.most_common()), unzipped=dict(unzipped.most_common()), distributions=distributions
    )


def _top(name: str) -> str:
    """The package that a file belongs to; ``__pycache__`` and metadata count with theirs."""
    parts = [part for part in PurePosixPath(name).parts if part != "__pycache__"]
    return parts[0].partition("-")[0].partition(".")[0].lower()


def _distributions(opened: zipfile.ZipFile) -> Iterator[str]:
    for name in opened.namelist():
        if PurePosixPath(name).match("*.dist-info/METADATA"):
            metadata = email.message_from_bytes(opened.read(name))
            yield metadata["Name"].lower().replace("_", "-")
