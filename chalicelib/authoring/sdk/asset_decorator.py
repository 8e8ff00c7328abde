"""Airflow 3's ``@asset`` and ``@asset.multi``: a function that makes assets is a DAG of one task."""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.model.assets import Asset, AssetAll, AssetRef, AssetWatcher, BaseAsset
from chalicelib.authoring.model.datasets import BaseDataset
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.running.asset_events import assets_named
from chalicelib.authoring.sdk.dag import DAG
from chalicelib.authoring.taskflow.decorators import TaskFactory

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

_NO_INLETS = frozenset({"self", "context", "outlet_events"})
"""Arguments of the function that mean something else than an asset of that name."""


class AssetMainOperator(PythonOperator):
    """Calls the function that makes an asset; its arguments are the assets of their names."""

    def __init__(self, *, definition_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition_name = definition_name

    def determine_kwargs(self, context: "Context") -> Mapping[str, Any]:
        """The arguments of the function: assets, but for those that are named otherwise."""
        outlet_events = context["outlet_events"]
        parameters = _parameters(self.python_callable)
        given = {key: each.default for key, each in parameters.items() if each.default is not each.empty}
        offered = {"context": context, "outlet_events": outlet_events, **given}
        names = {key: key for key in parameters if key not in offered}
        if "self" in names:
            names["self"] = self.definition_name
        assets = assets_named(context["ti"].datasets, [*names.values()]) if names else {}
        self._take = outlet_events.take
        return {key: assets[names[key]] if key in names else offered[key] for key in parameters}


class AssetDefinition(Asset):
    """The asset that a function with ``@asset`` makes."""

    def __init__(self, function: Callable[..., Any], make_dag: Callable[[str], DAG], **of_asset: Any) -> None:
        super().__init__(**of_asset)
        _make_task(function, self.name, make_dag(self.name), [self])


class MultiAssetDefinition(AssetAll):
    """The assets that a function with ``@asset.multi`` makes: all of them, where a condition is asked for."""

    def __init__(
        self, function: Callable[..., Any], make_dag: Callable[[str], DAG], outlets: Collection[BaseAsset]
    ) -> None:
        super().__init__(*outlets)
        self.name = function.__name__
        _make_task(function, self.name, make_dag(self.name), list(outlets))

    def iter_outlets(self) -> Iterator[BaseDataset]:
        """The assets."""
        return iter(self.objects)


class _WithDag:
    """The arguments that ``@asset`` and ``@asset.multi`` give to their DAG."""

    def __init__(
        self,
        *,
        schedule: Any,
        is_paused_upon_creation: bool | None = None,
        dag_id: str | None = None,
        dag_display_name: str | None = None,
        description: str | None = None,
        params: Mapping[str, Any] | None = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        access_control: Mapping[str, Any] | None = None,
        owner_links: Mapping[str, str] | None = None,
        tags: Collection[str] = (),
    ) -> None:
        self._dag_id = dag_id
        self._arguments = {
            "schedule": schedule,
            "is_paused_upon_creation": is_paused_upon_creation,
            "catchup": False,
            "dag_display_name": dag_display_name,
            "description": description,
            "params": params,
            "on_success_callback": on_success_callback,
            "on_failure_callback": on_failure_callback,
            "access_control": access_control,
            "owner_links": owner_links,
            "tags": tags,
        }

    def make_dag(self, default_dag_id: str) -> DAG:
        """The DAG."""
        return DAG(self._dag_id or default_dag_id, **self._arguments)


class _Multi(_WithDag):
    """``@asset.multi``: one task that changes several assets."""

    def __init__(self, *, outlets: Collection[BaseAsset], **of_dag: Any) -> None:
        super().__init__(**of_dag)
        self._outlets = outlets

    def __call__(self, function: Callable[..., Any]) -> MultiAssetDefinition:
        _refuse_nested(function)
        if not self._outlets:
            raise ValueError("no outlets provided")
        return MultiAssetDefinition(function, self.make_dag, self._outlets)


class asset(_WithDag):  # noqa: N801 - Airflow's name
    """``@asset``: an asset, and the DAG of one task that makes it; all are called as the function is.

    Raises ``TypeError`` for a function with arguments that cannot be assets, ``ValueError`` for one inside
    another.
    """

    multi = _Multi

    def __init__(
        self,
        *,
        name: str | None = None,
        uri: Any = None,
        group: str = Asset.asset_type,
        extra: dict[str, Any] | None = None,
        watchers: Iterable[AssetWatcher] | None = None,
        **of_dag: Any,
    ) -> None:
        super().__init__(**of_dag)
        self._name = name
        self._of_asset = {"uri": uri, "group": group, "extra": extra, "watchers": watchers}

    def __call__(self, function: Callable[..., Any]) -> AssetDefinition:
        """Make asset and DAG."""
        _refuse_nested(function)
        return AssetDefinition(
            function, self.make_dag, name=self._name or function.__name__, **self._of_asset
        )


def _make_task(function: Callable[..., Any], name: str, dag: DAG, outlets: list[BaseAsset]) -> None:
    with dag:
        if isinstance(function, TaskFactory):
            if function.has_outlets:
                raise TypeError("@task decorator with 'outlets' argument is not supported in @asset")
            function.override(outlets=outlets)()
            return
        AssetMainOperator(
            task_id=function.__name__,
            inlets=_inlets(function),
            outlets=outlets,
            python_callable=function,
            definition_name=name,
        )


def _inlets(function: Callable[..., Any]) -> list[AssetRef]:
    """The assets that a function takes: those of its arguments' names, but for arguments with a default."""
    parameters = _parameters(function).values()
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            stars = "*" if each.kind is each.VAR_POSITIONAL else "**"
            raise TypeError(f"wildcard '{stars}{each.name}' is not supported in @asset")
        if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
            raise TypeError(
                f"positional-only argument '{each.name}' without a default is not supported in @asset"
            )
    names = [each.name for each in parameters if each.default is each.empty and each.name not in _NO_INLETS]
    return [Asset.ref(name=name) for name in names]


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _refuse_nested(function: Callable[..., Any]) -> None:
    if function.__name__ != function.__qualname__:
        raise ValueError("nested function not supported")
