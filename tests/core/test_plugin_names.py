"""Names: blocked, allowed, in conflict. Nobody wins silently."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from support.distributions import ADAPTER, install, plugin_source
from xenparley.domain.errors import InvalidInput, PluginError
from xenparley.plugin.registry import Plugins

unique = itertools.count()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def put(site: Path, distribution: str, name: str, adapter: str, body: str = ADAPTER) -> str:
    module = f"named_{next(unique)}"
    install(site, distribution, {name: module}, sources={module: plugin_source(body, NAME=adapter)})
    return module


def told(plugins: Plugins) -> list[tuple[str, str | None, str, str | None]]:
    return [(s.name, s.distribution, s.state, s.phase) for s in plugins.status]


def test_one_name_of_two_distributions(site: Path) -> None:
    put(site, "beta", "p", "from-beta")
    put(site, "alpha", "p", "from-alpha")
    plugins = Plugins(path=[str(site)], environ={})
    assert list(plugins.adapters) == ["from-alpha"]
    assert told(plugins) == [
        ("p", "alpha", "loaded", None),
        ("p", "beta", "failed", "conflict"),
    ]
    assert "taken by alpha" in (plugins.status[1].error or "")
    with pytest.raises(PluginError, match="conflict"):
        Plugins(path=[str(site)], environ={}, strict=True).adapters  # noqa: B018


def test_the_caller_settles_a_conflict_by_disabling_one(site: Path) -> None:
    put(site, "beta", "p", "from-beta")
    put(site, "alpha", "p", "from-alpha")
    plugins = Plugins(path=[str(site)], environ={}, disable=["alpha:p"])
    assert list(plugins.adapters) == ["from-beta"]
    assert told(plugins) == [("p", "alpha", "blocked", None), ("p", "beta", "loaded", None)]


BODIES = {
    "adapter": ADAPTER,
    "scheme": "registrar.scheme(SchemeSpec(name='NAME', connect='a:b', summary=''))",
    "format": "registrar.format(FormatSpec(name='NAME', summary='', reader='a:b', writer='a:b'))",
    "command": (
        "registrar.command(CommandSpec(name='NAME', summary='', configure='a:b', run='a:b'))"
    ),
}


@pytest.mark.parametrize("kind", BODIES)
def test_one_registered_name_of_two_plugins(site: Path, kind: str) -> None:
    put(site, "alpha", "one", "same", BODIES[kind])
    # The whole of the other is rolled back, what would not clash too.
    extra = "registrar.scheme(SchemeSpec(name='extra', connect='a:b', summary=''))\n"
    put(site, "beta", "two", "same", extra + BODIES[kind])
    plugins = Plugins(path=[str(site)], environ={})
    assert list(getattr(plugins, f"{kind}s")) == ["same"]
    assert "extra" not in plugins.schemes
    assert told(plugins) == [
        ("one", "alpha", "loaded", None),
        ("two", "beta", "failed", "conflict"),
    ]
    assert f"the {kind} name 'same' is taken by plugin 'one' of alpha" in str(
        plugins.status[1].error
    )


def test_schemes_named_without_import(site: Path) -> None:
    install(site, "alpha", schemes={"foo": "no_such_module:connect"})
    install(site, "beta", schemes={"foo": "other:connect", "bar": "no_function"})
    plugins = Plugins(path=[str(site)], environ={})
    assert plugins.scheme("FOO").connect == "no_such_module:connect"
    assert told(plugins) == [
        ("bar", "beta", "failed", "discover"),
        ("foo", "beta", "failed", "conflict"),
    ]
    assert list(plugins.schemes) == ["foo"]


def test_a_scheme_in_the_group_and_by_the_hook(site: Path) -> None:
    body = "registrar.scheme(SchemeSpec(name='foo', connect='hook:c', summary='words'))"
    module = put(site, "other", "p", "", body)
    assert Plugins(path=[str(site)], environ={}).scheme("foo").connect == "hook:c"
    install(site, "group", {"q": module}, schemes={"foo": "group:c"})
    plugins = Plugins(path=[str(site)], environ={})
    assert plugins.scheme("foo").connect == "group:c"
    # q is of the distribution that the group names, p is another's.
    assert told(plugins) == [("q", "group", "loaded", None), ("p", "other", "failed", "conflict")]
    assert plugins.schemes["foo"].connect == plugins.scheme("foo").connect == "group:c"
    assert plugins.schemes["foo"].summary == "words"


@pytest.mark.parametrize(
    ("disable", "environ", "left"),
    [
        (["one"], {}, ["b"]),
        (["ONE"], {}, ["b"]),
        (["Dist.One"], {}, ["b"]),
        (["dist-one:one"], {}, ["b"]),
        (["dist-one:two"], {}, ["a", "b"]),
        (["dist-two:one"], {}, ["a", "b"]),
        ((), {"XENPARLEY_DISABLE_PLUGINS": "one, two"}, []),
        (["one"], {"XENPARLEY_DISABLE_PLUGINS": "two"}, []),
        ((), {"XENPARLEY_PLUGINS": "one"}, ["a"]),
        ((), {"XENPARLEY_PLUGINS": "dist-two"}, ["b"]),
        ((), {"XENPARLEY_PLUGINS": ""}, []),
        (["one"], {"XENPARLEY_PLUGINS": "one"}, []),
    ],
)
def test_disable_and_allow(
    site: Path, disable: list[str], environ: dict[str, str], left: list[str]
) -> None:
    put(site, "dist-one", "one", "a")
    put(site, "dist-two", "two", "b")
    plugins = Plugins(path=[str(site)], disable=disable, environ=environ)
    assert list(plugins.adapters) == left
    states = {s.name: s.state for s in plugins.status}
    assert states == {
        "one": "loaded" if "a" in left else "blocked",
        "two": "loaded" if "b" in left else "blocked",
    }
    assert all(s.error for s in plugins.status if s.state == "blocked")


def test_argument_and_environment_narrow_each_other(site: Path) -> None:
    put(site, "dist-one", "one", "a")
    put(site, "dist-two", "two", "b")
    environ = {"XENPARLEY_PLUGINS": "two"}
    plugins = Plugins(path=[str(site)], allow=["one"], environ=environ)
    assert list(plugins.adapters) == []
    assert Plugins(path=[str(site)], allow=["one"], environ={}).adapters.keys() == {"a"}


def test_a_blocked_plugin_is_not_imported(site: Path) -> None:
    install(site, "dist", {"p": "explodes"}, sources={"explodes": "raise RuntimeError"})
    install(site, "dist2", schemes={"s": "explodes:c"})
    plugins = Plugins(path=[str(site)], environ={}, disable=["p", "s"])
    assert {s.state for s in plugins.status} == {"blocked"}
    with pytest.raises(InvalidInput, match="unknown URI scheme 's'"):
        plugins.scheme("s")


def test_an_allowed_name_that_is_not_installed_is_told(site: Path) -> None:
    put(site, "dist-one", "one", "a")
    plugins = Plugins(path=[str(site)], environ={"XENPARLEY_PLUGINS": "one,typo"})
    assert list(plugins.adapters) == ["a"]
    [status] = [s for s in plugins.status if s.name == "typo"]
    assert (status.state, status.phase) == ("failed", "discover")
    assert "XENPARLEY_PLUGINS" in (status.error or "")
