"""Airflow 3's assets: ``Asset``, ``AssetAlias``, references to them, conditions, and ``Metadata`` of events.

They are Airflow 2's datasets, known by name and URI. Of two assets with one URI there is one dataset.
"""

import json
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import SplitResult

from chalicelib.authoring.exceptions import NotOffered
from chalicelib.authoring.model import datasets
from chalicelib.domain.datasets.datasets import DEFAULT_GROUP

__all__ = [
    "Asset",
    "AssetAccessControl",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetNameRef",
    "AssetRef",
    "AssetUriRef",
    "AssetWatcher",
    "BaseAsset",
    "Dataset",
    "Metadata",
    "Model",
]

_LONGEST = 1500
"""Airflow's column width of names, URIs and groups."""

_RESERVED = ("self", "context")
"""Names that mean something else among the arguments of a function with ``@asset``."""


class BaseAsset(datasets.BaseDataset):
    """What ``schedule`` may be; ``|`` and ``&`` combine it."""


@dataclass
class AssetAccessControl:
    """Teams that may change or use an asset; kept, and without effect."""

    producer_teams: list[str] = field(default_factory=list)
    consumer_teams: list[str] | None = None
    allow_global: bool = True


class AssetWatcher:
    """Refused: Airflow polls by it."""

    def __init__(self, name: str, trigger: Any = None) -> None:  # noqa: ARG002 - Airflow's signature
        raise NotOffered(
            f"AssetWatcher ({name!r}), which polls; let S3, SQS, SNS or EventBridge push what happens: an "
            "[[event]] of events.toml with dataset = <the asset's uri> changes the asset"
        )


class Asset(BaseAsset, datasets.Dataset):
    """Data that tasks change and DAGs run by, named by a name, a URI, or both; the one stands for the other.

    Raises ``TypeError`` without either, ``ValueError`` for what cannot be one. Two are equal if all that was
    said of them is.
    """

    asset_type: ClassVar[str] = DEFAULT_GROUP

    def __init__(
        self,
        name: str | None = None,
        uri: str | os.PathLike[str] | None = None,
        *,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: Iterable[AssetWatcher] | None = None,
        access_control: AssetAccessControl | None = None,
    ) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() requires either 'name' or 'uri'")
        text = str(name if uri is None else uri)
        self.name = self._checked("name", text if name is None else name)
        if self.name in _RESERVED:
            raise ValueError(f"prohibited name for asset: {self.name}")
        self.uri = self._checked("uri", datasets.normal_form(text, "Asset", _without_password))
        self.group = self.asset_type if group is None else self._checked("group", group, may_be_empty=True)
        self.extra: dict[str, Any] = {} if extra is None else extra
        self.watchers = list(watchers or ())
        self.access_control = access_control or AssetAccessControl()

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> "AssetRef":
        """A reference to the asset of a name, or of a URI, that some file defines."""
        if name and uri:
            raise TypeError("Asset reference must be made to either name or URI, not both")
        if name:
            return AssetNameRef(name)
        if uri:
            return AssetUriRef(uri)
        raise TypeError("Asset reference expects keyword argument 'name' or 'uri'")

    @property
    def naming(self) -> dict[str, str]:
        """What it is called beside its URI, as far as that says more."""
        told = {"name": self.name if self.name != self.uri else "", "group": self.group}
        return {key: value for key, value in told.items() if value not in ("", DEFAULT_GROUP)}

    def _checked(self, attribute: str, value: Any, *, may_be_empty: bool = False) -> str:
        what = f"{type(self).__name__} {attribute}"
        if not isinstance(value, str):
            raise ValueError(f"{what} must be a string")
        if len(value) > _LONGEST:
            raise ValueError(f"{what} cannot exceed {_LONGEST} characters")
        if value.isspace():
            raise ValueError(f"{what} cannot be just whitespace")
        if not value and not may_be_empty:
            raise ValueError(f"{what} cannot be empty")
        return datasets.checked_length(what, value)

    def _all(self) -> tuple[Any, ...]:
        return self.name, self.uri, self.group, self.extra, self.watchers, self.access_control

    def __eq__(self, other: object) -> bool:
        return self._all() == other._all() if isinstance(other, Asset) else NotImplemented

    def __hash__(self) -> int:
        extra = json.dumps(self.extra, sort_keys=True, default=str)
        return hash((self.name, self.uri, self.group, extra))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self.name!r}, uri={self.uri!r}, group={self.group!r}, "
            f"extra={self.extra!r}, watchers={self.watchers!r}, access_control={self.access_control!r})"
        )


class Dataset(Asset):
    """An asset of the group ``dataset``."""

    asset_type = "dataset"


class Model(Asset):
    """An asset of the group ``model``."""

    asset_type = "model"


class AssetAlias(BaseAsset, datasets.DatasetAlias):
    """A name by which a task finds the assets that it changes when it runs."""

    def __init__(self, name: str, *, group: str = DEFAULT_GROUP) -> None:
        if not name or name.isspace():
            raise ValueError(f"AssetAlias name cannot be {'just whitespace' if name else 'empty'}")
        super().__init__(name)
        self.group = group

    def __repr__(self) -> str:
        return f"AssetAlias(name={self.name!r}, group={self.group!r})"


class AssetRef(BaseAsset):
    """A reference to an asset that some file defines; ``Asset.ref`` makes it."""


@dataclass(frozen=True)
class AssetNameRef(AssetRef):
    """A reference by the name."""

    name: str

    def as_expression(self) -> Any:
        """The condition that the asset has changed."""
        return {"asset_ref": {"name": self.name}}


@dataclass(frozen=True)
class AssetUriRef(AssetRef):
    """A reference by the URI."""

    uri: str

    def as_expression(self) -> Any:
        """The condition that the asset has changed."""
        return self.uri


class AssetAny(BaseAsset, datasets.DatasetAny):
    """Holds when one of its parts does."""

    made_of = "asset"


class AssetAll(BaseAsset, datasets.DatasetAll):
    """Holds when all of its parts do."""

    made_of = "asset"


BaseAsset.any_of, BaseAsset.all_of = AssetAny, AssetAll


class Metadata(datasets.Metadata):
    """What a task yields to give the event of an asset its extra."""

    def __init__(
        self, asset: Asset, extra: dict[str, Any] | None = None, alias: AssetAlias | None = None
    ) -> None:
        super().__init__(asset, {} if extra is None else extra, alias)
        self.asset = asset
        self.alias = alias


def _without_password(parsed: SplitResult) -> str:
    if not parsed.password:
        return parsed.netloc
    warnings.warn(
        "An Asset URI should not contain a password. User info has been automatically dropped.",
        UserWarning,
        stacklevel=5,
    )
    return parsed.netloc.rpartition("@")[2]
