"""Imports point one way; who may use which library is written here and nowhere else."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chalicelib"

FOUNDATION = {"settings", "__version__"}
"""What everyone may import; it imports nothing of ours."""

MAY_IMPORT: dict[str, set[str]] = {
    "settings": set(),
    "aws": set(),
    "domain": set(),
    "authoring": {"domain"},
    "auth": {"domain"},
    "engine": {"domain", "auth"},
    "store": {"domain", "auth", "engine", "aws"},
    "queues": {"domain", "engine", "aws"},
    "user_code": {"domain", "authoring", "engine"},
    "user_packages": {"domain"},
    "events": {"domain", "engine"},
    "telemetry": {"domain"},
    "bootstrap": {"domain", "auth", "engine", "events", "store", "queues", "telemetry", "user_code"},
    "simulation": {"domain", "authoring", "engine", "queues", "store", "user_code"},
    "testing": {"domain", "authoring", "engine", "simulation", "store", "user_code", "user_packages"},
    "api": {"domain", "auth", "engine", "bootstrap", "telemetry"},
    "handlers": {"domain", "engine", "events", "queues", "bootstrap", "telemetry"},
    "deploy": {
        "domain",
        "auth",
        "aws",
        "authoring",
        "engine",
        "events",
        "store",
        "queues",
        "bootstrap",
        "user_code",
        "user_packages",
    },
    "local": {
        *("domain", "auth", "aws", "authoring", "engine", "events", "store", "queues", "bootstrap", "deploy"),
        *("user_code", "user_packages", "handlers"),
    },
    "cli": {
        "domain",
        "aws",
        "auth",
        "authoring",
        "engine",
        "events",
        "store",
        "queues",
        "bootstrap",
        "deploy",
        "local",
        "simulation",
        "user_code",
        "user_packages",
    },
}
"""Per layer (a package or a module of ``chalicelib``) the layers it may import."""

ROOMS: dict[str, tuple[str, ...]] = {
    "domain": (
        *("errors", "states", "payload", "idempotency", "json_codec", "redaction", "moments", "variables"),
        *("params",),
        *("connections", "secrets_backends", "secrets_files"),
        *("schedule", "runs", "datasets", "slots", "graph", "tasks", "plans", "messages", "observations"),
    ),
    "authoring": (
        *("version", "exceptions", "notset", "clock", "dates", "states", "macros", "airflow_names"),
        "provider_packages",
        *("timetables", "model", "conveniences", "surroundings", "plugins", "triggers", "running"),
        *("object_storage", "operators", "sensors", "taskflow", "sdk", "loading"),
    ),
    "engine": (
        *("ports", "engine", "outbox", "graphs", "lookup", "once", "slots", "tasks", "runs"),
        *("datasets", "schedule", "by_hand", "worker", "dags", "reading", "upkeep", "dispatch"),
    ),
    "deploy": (
        *("findings", "steps", "description", "aws_errors", "caller", "stages", "runtimes", "aws_limits"),
        *(
            "policy_files",
            "task_rights",
            "deployed_functions",
            "chalice",
            "provisioning",
            "worker_time",
            "checks",
        ),
        *("packaging", "rehearsal", "validation", "destruction", "deployment"),
    ),
    "api": ("http", "authorizer", "experimental", "surfaces"),
}
"""Per package its rooms (folders and modules) in order: a room may import those before it."""

BACKWARD = {("authoring/model/baseoperator.py", "running")}
"""Modules that import a later room when they are called: ``BaseOperator.render_template``, as in Airflow."""

USERS_OF: dict[str, set[str]] = {
    "pynamodb": {"store"},
    "croniter": {"domain"},
    "jsonschema": {"domain"},
    "jsonschema_specifications": {"domain"},
    "referencing": {"domain"},
    "chalice": {"api", "handlers", "local", "deploy"},
    "ministack": {"local"},
    "httptools": {"local"},
    "boto3": set(),
    "botocore": {"aws", "authoring", "store", "queues", "deploy"},
    "click": {"cli", "local"},
    "yaml": {"cli"},
    "bcrypt": {"auth"},
    "minikerberos": {"auth"},
    "asn1crypto": {"auth"},
    "cryptography": {"store"},
    "jmespath": {"events"},
    "packaging": {"user_packages"},
    "pytest": {"testing"},
    "fsspec": {"authoring"},
    "upath": {"authoring"},
    "airflow": set(),
}
"""Per library the layers that may import it."""

HEAVY = {
    *("asn1crypto", "bcrypt", "botocore", "croniter", "cryptography", "jinja2", "jsonschema"),
    *("minikerberos", "pendulum", "pynamodb", "referencing"),
}
HEAVY_AT_THE_TOP = {
    "store",
    "local/warm_start.py",
    "user_code/warm_up.py",
    *(f"auth/kerberos/{name}.py" for name in ("ap_req", "gss_tokens", "keytabs")),
}
"""Layers and modules that may import heavy libraries right away, for nobody imports them without need."""


def _modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "dags"]


def _layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imported_layers(tree: ast.AST) -> set[str]:
    names = (name.split(".") for name in _imports(tree))
    return {parts[1] for parts in names if parts[0] == "chalicelib" and len(parts) > 1}


def _runtime_imports(tree: ast.Module) -> Iterator[str]:
    """Imports without those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from _imports(node)


def _top_level(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If):
            yield from _imports(node)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = _layer(path)
    if layer in ("__init__", "__main__"):
        return
    allowed = MAY_IMPORT[layer] | FOUNDATION | {layer}
    assert _imported_layers(_parsed(path)) <= allowed


def _in_rooms() -> list[Path]:
    return [path for path in _modules() if _layer(path) in ROOMS]


@pytest.mark.parametrize("path", _in_rooms(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_before_it(path: Path) -> None:
    name = str(path.relative_to(PACKAGE))
    layer, *inner = path.relative_to(PACKAGE).with_suffix("").parts
    if inner == ["__init__"]:
        return
    own, order = inner[0], ROOMS[layer]
    parts = (imported.split(".") for imported in _runtime_imports(_parsed(path)))
    imported_rooms = {each[2] for each in parts if each[:2] == ["chalicelib", layer] and len(each) > 2}
    later = {room for room in imported_rooms if order.index(room) > order.index(own)}
    assert {room for room in later if (name, room) not in BACKWARD} == set()


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_has_its_place(package: str) -> None:
    present = {
        path.relative_to(PACKAGE).parts[1].removesuffix(".py")
        for path in _in_rooms()
        if _layer(path) == package
    }
    assert present - {"__init__"} == set(ROOMS[package])


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_used_only_where_it_belongs(path: Path) -> None:
    used = {name.split(".")[0] for name in _imports(_parsed(path))}
    assert {name for name in used & USERS_OF.keys() if _layer(path) not in USERS_OF[name]} == set()


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_when_they_are_needed(path: Path) -> None:
    if {_layer(path), str(path.relative_to(PACKAGE))} & HEAVY_AT_THE_TOP:
        return
    at_the_top = {name.split(".")[0] for name in _top_level(_parsed(path))}
    assert at_the_top & HEAVY == set()


WITHOUT_IO = {"croniter", "jsonschema", "jsonschema_specifications", "pendulum", "referencing"}
"""Libraries that the domain may use: what they answer follows from what they are asked alone."""


def test_the_domain_needs_the_standard_library_and_libraries_that_do_no_io() -> None:
    known = sys.stdlib_module_names | {"chalicelib"} | WITHOUT_IO
    used = {
        name.split(".")[0] for path in (PACKAGE / "domain").rglob("*.py") for name in _imports(_parsed(path))
    }
    assert used <= known


def test_every_layer_has_its_rule() -> None:
    assert {_layer(path) for path in _modules()} - {"__init__", "__main__"} <= MAY_IMPORT.keys()
