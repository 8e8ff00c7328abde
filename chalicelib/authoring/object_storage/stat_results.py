"""``stat_result``: what a store says of a file, also by the names of ``os.stat_result``."""

from stat import S_IFDIR, S_IFLNK, S_IFREG
from typing import Any

_MODES = {"file": S_IFREG, "directory": S_IFDIR}


class stat_result(dict[str, Any]):  # noqa: N801 - Airflow's name
    """The store's answer; numbers that it has none of are 0."""

    @property
    def st_dev(self) -> int:
        """The device: 0."""
        return 0

    @property
    def st_size(self) -> int:
        """The size in bytes."""
        return int(self.get("size", 0))

    @property
    def st_gid(self) -> int:
        """The id of the owner's group."""
        return int(self.get("gid", 0))

    @property
    def st_uid(self) -> int:
        """The id of the owner."""
        return int(self.get("uid", 0))

    @property
    def st_ino(self) -> int:
        """The inode."""
        return int(self.get("ino", 0))

    @property
    def st_nlink(self) -> int:
        """The number of hard links."""
        return int(self.get("nlink", 0))

    @property
    def st_mtime(self) -> float:
        """The time of the last change, in seconds since 1970."""
        if "mtime" in self:
            return float(self["mtime"])
        return float(self["LastModified"].timestamp()) if "LastModified" in self else 0

    @property
    def st_mode(self) -> int:
        """The kind of file, and its rights where the store has any."""
        if "mode" in self:
            return int(self["mode"])
        return S_IFLNK if self.get("isLink") else _MODES.get(self.get("type", ""), 0)
