"""Imports point inward only. What import-linter's contracts can't say is checked on the graph."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.require import missing

ROOT = Path(__file__).parents[2]
#: Standard-library modules that do no I/O and hold no clock.
PURE = {
    "__future__", "abc", "array", "base64", "bisect", "collections", "contextlib", "copy",
    "dataclasses", "enum", "functools", "heapq", "inspect", "itertools", "math", "operator", "re",
    "string", "struct", "types", "typing", "unicodedata", "uuid", "warnings", "weakref",
}  # fmt: skip
RUNTIME = {"pluggy", "attr", "attrs", "cattr", "cattrs", "lxml"}
#: What only the user of a package brings along: the contract kit is for pytest.
EXTRAS = {"xenparley_testing": {"pytest", "_pytest", "hypothesis"}}
CORE_FOR_ADAPTERS = ("domain", "ports", "negotiation", "plugin")


def side(folder: str) -> set[str]:
    """Return the import packages of one side."""
    return {path.name for path in (ROOT / folder).iterdir() if any(path.glob("**/*.py"))}


CORE, ADAPTERS, PLUGINS = side("core"), side("adapters"), side("plugins")
CLIENTS = ADAPTERS - {"xenparley_formats", "xenparley_wire"}


def tool(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        missing("import-linter", f"{name} is not installed (dependency group lint)")


@pytest.fixture(scope="module")
def graph() -> Any:
    roots = sorted(CORE | ADAPTERS | PLUGINS)
    return tool("grimp").build_graph(*roots, include_external_packages=True, cache_dir=None)


@pytest.fixture(scope="module")
def config() -> Any:
    toml = tool("tomllib" if sys.version_info >= (3, 11) else "tomli")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return toml.loads(text)["tool"]["importlinter"]


def edges(graph: Any) -> list[tuple[str, str]]:
    return [
        (module, target)
        for module in sorted(graph.modules)
        if not graph.is_module_squashed(module)
        for target in sorted(graph.find_modules_directly_imported_by(module))
    ]


def root(module: str) -> str:
    return module.partition(".")[0]


def within(module: str, *packages: str) -> bool:
    return any(module == p or module.startswith(p + ".") for p in packages)


def test_the_contracts_hold() -> None:
    tool("importlinter.cli")
    # In a process of its own: it configures logging, and silences the loggers that there are.
    code = (
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(no_cache=True, config_filename='pyproject.toml'))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_package_is_in_the_contracts(config: Any) -> None:
    roots = CORE | ADAPTERS | PLUGINS
    assert set(config["root_packages"]) == roots
    [across] = [c for c in config["contracts"] if "containers" not in c]
    layered = {name.strip(" ()") for layer in across["layers"] for name in layer.split("|")}
    assert roots <= layered
    [inside] = [c for c in config["contracts"] if "containers" in c]
    assert inside["exhaustive"] is True


def test_the_graph_sees_the_code(graph: Any) -> None:
    """A graph without edges would pass every other test here."""
    assert {root(m) for m in graph.modules if not graph.is_module_squashed(m)} == (
        CORE | ADAPTERS | PLUGINS
    )
    assert ("xenparley.plugin.spi", "attrs") in edges(graph)
    assert ("xenparley.domain.guest", "xenparley.domain.identity") in edges(graph)


def test_the_pure_layers_import_only_what_is_pure(graph: Any) -> None:
    pure = [f"xenparley.{layer}" for layer in ("domain", "ports", "negotiation")]
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if within(module, *pure)
        and root(target) != "xenparley"
        and target not in PURE | {"attr", "attrs"}
    ]
    assert wrong == []


def test_codecs_import_nothing_that_does_io(graph: Any) -> None:
    allowed = PURE | {"attr", "attrs", "sys"}
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if root(module) == "xenparley_wire"
        and root(target) not in {"xenparley", "xenparley_wire"}
        and target not in allowed
    ]
    assert wrong == []


def test_adapters_use_the_core_only_as_third_parties_may(graph: Any) -> None:
    allowed = [f"xenparley.{layer}" for layer in CORE_FOR_ADAPTERS]
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if root(module) in ADAPTERS and root(target) == "xenparley" and not within(target, *allowed)
    ]
    assert wrong == []


def test_client_adapters_do_not_know_each_other(graph: Any) -> None:
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if root(target) in CLIENTS and root(module) in ADAPTERS and root(module) != root(target)
    ]
    assert wrong == []


def test_nothing_imports_the_driving_side(graph: Any) -> None:
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if root(target) in PLUGINS and root(module) != root(target)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("libraries", "home"),
    [({"pluggy"}, "xenparley.plugin"), ({"lxml", "cattr", "cattrs"}, "xenparley_formats")],
)
def test_libraries_stay_where_they_belong(graph: Any, libraries: set[str], home: str) -> None:
    users = {module for module, target in edges(graph) if root(target) in libraries}
    assert [module for module in sorted(users) if not within(module, home)] == []
    if home == "xenparley.plugin":
        assert users


def test_nothing_else_is_needed_at_run_time(graph: Any) -> None:
    ours = CORE | ADAPTERS | PLUGINS
    wrong = [
        (module, target)
        for module, target in edges(graph)
        if root(target) not in ours | RUNTIME | EXTRAS.get(root(module), set())
        and root(target) not in sys.stdlib_module_names
    ]
    assert wrong == []
