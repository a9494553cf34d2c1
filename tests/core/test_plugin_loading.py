"""Loading: a broken plugin is rolled back and told, one that hangs is abandoned."""

from __future__ import annotations

import itertools
import logging
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from support.distributions import ADAPTER, install, plugin_source
from xenparley.domain.errors import InvalidInput, PluginError
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.registry import Plugins, PluginStatus
from xenparley.plugin.spi import SPI_VERSION, AdapterSpec, Registrar, SchemeSpec

unique = itertools.count()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def module(name: str = "plugged") -> str:
    """Return a module name that no other test imported."""
    return f"{name}_{next(unique)}"


def plugins(site: Path, **arguments: object) -> Plugins:
    return Plugins(path=[str(site)], environ={}, **arguments)  # type: ignore[arg-type]


def put(site: Path, source: str, *, name: str = "p", distribution: str = "dist") -> None:
    where = module()
    install(site, distribution, {name: where}, sources={where: source})


def the_status(loaded: Plugins, name: str) -> PluginStatus:
    [status] = [s for s in loaded.status if s.name == name]
    return status


def test_an_installed_plugin_is_loaded(site: Path) -> None:
    put(site, plugin_source(NAME="mine"))
    loaded = plugins(site)
    assert list(loaded.adapters) == ["mine"]
    assert [a.name for a in loaded.adapters_for("test")] == ["mine"]
    assert loaded.adapters_for("other") == ()
    assert the_status(loaded, "p") == PluginStatus(
        name="p", distribution="dist", version="1.0", state="loaded", provides=("adapter mine",)
    )


BROKEN = {
    "raises at import": ("import", plugin_source(head="raise RuntimeError('boom')"), "boom"),
    "exits at import": ("import", plugin_source(head="import sys; sys.exit(3)"), "SystemExit"),
    "interrupts": ("import", plugin_source(head="raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "generator exit": ("import", plugin_source(head="raise GeneratorExit"), "GeneratorExit"),
    "syntax error": ("import", "def (", "SyntaxError"),
    "missing dependency": ("import", "import no_such_module_at_all", "no_such_module_at_all"),
    "recursion": ("import", "def f(): f()\nf()", "RecursionError"),
    "unprintable exception": (
        "import",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "cannot be printed",
    ),
    "no version": ("version", plugin_source(spi="None"), "xenparley_spi = (1, 0)"),
    "bad version": ("version", plugin_source(spi="'1.0'"), "not a pair"),
    "newer major": ("version", plugin_source(spi="(2, 0)"), "newer xenparley"),
    "older major": ("version", plugin_source(spi="(0, 9)"), "is needed"),
    "newer minor": ("version", plugin_source(spi="(1, 99)"), "newer xenparley"),
    "raises at registering": ("register", plugin_source(ADAPTER + "\n1 / 0"), "ZeroDivisionError"),
    "exits at registering": ("register", plugin_source("raise SystemExit"), "SystemExit"),
    "swallows the refusal": (
        "register",
        plugin_source("try:\n    registrar.adapter('x')\nexcept Exception:\n    pass"),
        "AdapterSpec",
    ),
    "twice": ("register", plugin_source(ADAPTER + ADAPTER), "registered twice"),
    "bad name": ("register", plugin_source(NAME="A b\\x1b"), "not a name"),
    "bad factory": (
        "register",
        plugin_source("registrar.scheme(SchemeSpec(name='t', connect='no target', summary=''))"),
        "neither callable",
    ),
    "wrong argument": (
        "register",
        plugin_source().replace("(registrar):", "(wrong):"),
        "wrong",
    ),
    "unknown hook": (
        "register",
        plugin_source() + "@hookimpl\ndef xenparley_other(): pass\n",
        "xenparley_other",
    ),
    "no hook": ("register", "xenparley_spi = (1, 0)", "has no hook"),
}


@pytest.mark.parametrize(("phase", "source", "words"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_plugin_harms_no_other(
    site: Path, phase: str, source: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(site, source, name="broken", distribution="aa")
    put(site, plugin_source(NAME="good"), name="good", distribution="bb")
    loaded = plugins(site)
    with caplog.at_level(logging.WARNING, logger="xenparley"):
        assert list(loaded.adapters) == ["good"]
    status = the_status(loaded, "broken")
    assert (status.state, status.phase, status.distribution) == ("failed", phase, "aa")
    assert words in (status.error or "")
    assert status.provides == ()
    assert status.exception is not None or words == "has no hook" or phase == "version"
    assert the_status(loaded, "good").state == "loaded"
    assert any("broken" in message for message in caplog.messages)


@pytest.mark.parametrize(("phase", "source", "words"), BROKEN.values(), ids=list(BROKEN))
def test_strict_raises(site: Path, phase: str, source: str, words: str) -> None:
    put(site, source, name="broken", distribution="aa")
    loaded = plugins(site, strict=True)
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            loaded.adapters  # noqa: B018
        assert "broken" in str(caught.value)
        assert phase in str(caught.value)
    with pytest.raises(PluginError):
        loaded.scheme("sim")
    assert the_status(loaded, "broken").phase == phase


def test_strict_by_the_environment(site: Path) -> None:
    put(site, "raise RuntimeError", name="broken")
    for word, strict in {"1": True, "yes": True, "0": False, "": False}.items():
        loaded = Plugins(path=[str(site)], environ={"XENPARLEY_STRICT": word})
        if strict:
            with pytest.raises(PluginError, match="broken"):
                loaded.formats  # noqa: B018
        else:
            assert loaded.formats == {}


HANG = "import threading; threading.Event().wait()"


@pytest.mark.parametrize("where", ["import", "register"])
def test_what_never_returns_is_abandoned_and_delays_nothing_else(site: Path, where: str) -> None:
    source = plugin_source(head=HANG) if where == "import" else plugin_source(HANG)
    put(site, source, name="hangs", distribution="aa")
    ran = module("ran")
    put(site, plugin_source(NAME="after", head=f"import sys; sys.{ran} = 1"), name="q")
    loaded = plugins(site, timeout=1.0)
    assert list(loaded.adapters) == ["after"]
    status = the_status(loaded, "hangs")
    assert (status.state, status.phase) == ("quarantined", where)
    assert "did not return within 1 s" in (status.error or "")
    assert list(loaded.adapters) == ["after"]


def test_several_that_hang_are_waited_for_together(site: Path) -> None:
    for number in range(4):
        put(site, plugin_source(head=HANG), name=f"h{number}", distribution=f"d{number}")
    put(site, plugin_source(NAME="good"), name="good", distribution="z")
    loaded = plugins(site, timeout=1.5)
    assert list(loaded.adapters) == ["good"]
    assert [s.state for s in loaded.status] == ["quarantined"] * 4 + ["loaded"]


def test_one_that_registers_too_late_registers_nothing(site: Path) -> None:
    gate, done = threading.Event(), threading.Event()
    refused: list[Exception] = []

    class Late:
        xenparley_spi = SPI_VERSION

        @hookimpl
        def xenparley_register(self, registrar: Registrar) -> None:
            gate.wait(60)
            try:
                registrar.scheme(SchemeSpec(name="late", connect="a:b", summary=""))
            except PluginError as exc:
                refused.append(exc)
            done.set()

    loaded = plugins(site, timeout=0.2)
    with pytest.raises(PluginError, match="did not return"):
        loaded.register(Late(), "late")
    gate.set()
    assert done.wait(60)
    assert "late" not in loaded.schemes
    assert the_status(loaded, "late").state == "quarantined"


def spec(name: str = "hand", schemes: frozenset[str] = frozenset({"test"})) -> AdapterSpec:
    return AdapterSpec(
        name=name, factory="a:b", offers=(), schemes=schemes, summary="registered by hand"
    )


def by_hand(name: str, *specs: AdapterSpec) -> ModuleType:
    plugin = ModuleType(name)

    @hookimpl
    def xenparley_register(registrar: Registrar) -> None:
        for one in specs:
            registrar.adapter(one)

    plugin.xenparley_register = xenparley_register  # type: ignore[attr-defined]
    plugin.xenparley_spi = SPI_VERSION  # type: ignore[attr-defined]
    return plugin


def test_registration_without_installation(site: Path) -> None:
    loaded = Plugins(load=False)
    loaded.register(by_hand("mine", spec()))
    assert list(loaded.adapters) == ["hand"]
    assert [(s.name, s.distribution, s.state) for s in loaded.status] == [("mine", None, "loaded")]
    assert Plugins(load=False).adapters == {}


def test_what_is_registered_by_hand_and_broken_raises_at_once() -> None:
    loaded = Plugins(load=False)
    with pytest.raises(PluginError, match="has no hook"):
        loaded.register(SimpleNamespace(xenparley_spi=SPI_VERSION), "empty")
    with pytest.raises(PluginError, match="xenparley_spi"):
        loaded.register(object())
    with pytest.raises(PluginError, match="taken by plugin 'one'"):
        loaded.register(by_hand("one", spec("a")))
        loaded.register(by_hand("two", spec("b"), spec("a")))
    assert list(loaded.adapters) == ["a"]
    assert [s.state for s in loaded.status] == ["failed", "failed", "loaded", "failed"]


@pytest.mark.parametrize("late", [False, True])
def test_by_hand_outweighs_installed_however_late(site: Path, late: bool) -> None:
    put(site, plugin_source(NAME="hand"), name="installed")
    loaded = plugins(site)
    if late:
        assert loaded.adapters["hand"].summary == "a test's adapter"
    loaded.register(by_hand("mine", spec()))
    assert loaded.adapters["hand"].summary == "registered by hand"
    status = the_status(loaded, "installed")
    assert (status.state, status.phase) == ("failed", "conflict")
    assert "'hand' is taken by plugin 'mine', registered by hand" in (status.error or "")


def test_resolve(site: Path) -> None:
    name = module("target")
    (site / f"{name}.py").write_text("def f(): return 7\nx = 1\n")
    loaded = plugins(site, timeout=1.0)
    assert loaded.resolve(f"{name}:f")() == 7
    assert loaded.resolve(f"{name}:f") is loaded.resolve(f"{name}:f")
    assert loaded.resolve(len) is len
    for target in (f"{name}:x", f"{name}:absent", "no_such_module_x:f", f"{name}:f.g"):
        with pytest.raises(PluginError, match=target.split(":", maxsplit=1)[0]):
            loaded.resolve(target)
    hangs = module("hangs")
    (site / f"{hangs}.py").write_text(HANG)
    with pytest.raises(PluginError, match="did not return"):
        loaded.resolve(f"{hangs}:f")
    exits = module("exits")
    (site / f"{exits}.py").write_text("raise SystemExit(0)")
    with pytest.raises(PluginError, match="SystemExit") as caught:
        loaded.resolve(f"{exits}:f")
    assert isinstance(caught.value.__cause__, SystemExit)


def test_an_unknown_scheme_names_the_known_ones(site: Path) -> None:
    install(site, "dist", schemes={"foo": "foo:connect"})
    with pytest.raises(InvalidInput, match="known: foo"):
        plugins(site).scheme("bar")


def test_threads_share_one_load(site: Path) -> None:
    counter = module("counter")
    (site / f"{counter}.py").write_text("n = []")
    put(site, plugin_source(NAME="mine", head=f"import {counter}; {counter}.n.append(1)"))
    loaded = plugins(site)
    answers: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(list(loaded.adapters))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [["mine"]] * 8
    assert __import__(counter).n == [1]
