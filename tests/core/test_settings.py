"""Settings of adapters, by a URI and by the caller."""

from __future__ import annotations

import importlib

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from core.hosts import FakeChannel, World, full_offers
from support.distributions import install
from xenparley import Plugins, connect
from xenparley.application.settings import in_uri
from xenparley.domain.errors import InvalidInput, NoChannel, PluginError
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec, ChannelContext, Connection, SchemeSpec
from xenparley.plugin.uri import parse_uri


class Recorded:
    """Two adapters that note their contexts, and a scheme that leads to another machine."""

    xenparley_spi = (1, 0)

    def __init__(self):
        self.contexts: dict[str, ChannelContext] = {}

    def spec(self, name, **rest):
        def make(context):
            if context.settings.get("folder") == "wrong":
                raise InvalidInput(f"{name}: not a folder")
            self.contexts[name] = context
            return FakeChannel(name, World().reads(), full_offers())

        return AdapterSpec(
            name=name,
            factory=make,
            offers=full_offers(),
            schemes=frozenset({"xen", "there", "here"}),
            summary="notes its context",
            settings={"folder": "where", "path": "where too"},
            **rest,
        )

    @hookimpl
    def xenparley_register(self, registrar):
        registrar.adapter(self.spec("alpha"))
        registrar.adapter(self.spec("be.ta", local_only=False))
        for name, local in (("there", False), ("here", True)):
            registrar.scheme(
                SchemeSpec(
                    name=name,
                    connect=lambda uri, local=local: Connection(
                        label=f"{uri.scheme} {sorted(uri.query)}",
                        local=local,
                        settings={"be.ta": {"path": "/said"}},
                    ),
                    summary="a test's",
                )
            )


@pytest.fixture
def recorded():
    return Recorded()


@pytest.fixture
def plugins(recorded):
    made = Plugins(load=False, environ={})
    made.register(recorded, "recorded")
    return made


def test_a_uri_and_the_caller_say_settings(recorded, plugins):
    uri = "xen:///?alpha.folder=/etc%2Fxen2&be.ta.folder=/b&prefer=alpha"
    given = {"be.ta": {"folder": "/c", "path": "/d"}}
    with connect(uri, plugins=plugins, settings=given) as host:
        assert host.uri == uri
    assert recorded.contexts["alpha"].settings == {"folder": "/etc/xen2"}
    assert recorded.contexts["be.ta"].settings == {"folder": "/c", "path": "/d"}
    assert recorded.contexts["alpha"].uri.query == {"prefer": "alpha"}


def test_schemes_do_not_see_them_and_keep_theirs(recorded, plugins):
    with connect("here:/x?be.ta.folder=/b&k=1", plugins=plugins) as host:
        assert host.label == "here ['k']"
    assert recorded.contexts["be.ta"].settings == {"folder": "/b", "path": "/said"}
    with connect("here:/x", plugins=plugins, settings={"be.ta": {"path": "/mine"}}):
        assert recorded.contexts["be.ta"].settings == {"path": "/mine"}


@pytest.mark.parametrize(
    ("uri", "settings", "words"),
    [
        ("xen:///?gamma.folder=/x", None, "the URI xen:///?gamma.folder=/x: there is no adapter"),
        ("xen:///?alpha.foldr=/x", None, "alpha has no setting 'foldr'; known: folder, path"),
        ("xen:///?.folder=/x", None, "ADAPTER.KEY=VALUE"),
        ("xen:///?alpha.=/x", None, "ADAPTER.KEY=VALUE"),
        ("xen:///?alpha.folder=wrong", None, "alpha: not a folder"),
        ("here:/x?be.ta.path=/other", None, "it says be.ta.path in two ways"),
        ("xen:///", {"gamma": {}}, "the argument settings: there is no adapter 'gamma'"),
        ("xen:///", {"alpha": {"x": "y"}}, "the argument settings: alpha has no setting 'x'"),
        ("xen:///", {"alpha": {"folder": 7}}, "alpha.folder is text, not int"),
        ("xen:///", {"alpha": "folder"}, "a mapping, not 'folder'"),
        ("xen:///", {"alpha": {"folder": "wrong"}, "be.ta": {"folder": "wrong"}}, "not a folder"),
    ],
)
def test_what_nobody_knows_is_refused_with_its_place(plugins, uri, settings, words):
    with pytest.raises(InvalidInput) as caught:
        connect(uri, plugins=plugins, settings=settings)
    assert words in str(caught.value)


@pytest.mark.parametrize("setting", ["alpha.folder", "be.ta.folder", "be.ta.path"])
def test_a_uri_of_another_machine_sets_nothing(recorded, plugins, setting):
    with pytest.raises(InvalidInput, match="for channels of this machine"):
        connect(f"there://host/?{setting}=/x", plugins=plugins)
    assert recorded.contexts == {}


def test_nor_does_a_callers_setting_switch_a_local_channel_on(recorded, plugins):
    given = {"alpha": {"folder": "/x"}, "be.ta": {"folder": "/y"}}
    with connect("there://host/", plugins=plugins, settings=given) as host:
        states = {channel.name: channel.state for channel in host.channels()}
    assert states == {"alpha": "refused", "be.ta": "available"}
    assert list(recorded.contexts) == ["be.ta"]


def test_xend_on_another_machine_is_not_turned_round_to_a_socket_here(tmp_path):
    with pytest.raises(InvalidInput, match="for channels of this machine"):
        connect(f"http://127.0.0.1:1/?xend.path={tmp_path}/sock", plugins=Plugins(environ={}))
    with pytest.raises(InvalidInput, match="xm does not serve http: URIs"):
        connect(f"http://127.0.0.1:1/?xm.folder={tmp_path}", plugins=Plugins(environ={}))


def test_an_adapter_that_does_not_serve_the_uri(plugins):
    sim = Plugins(environ={}, allow=["sim", "xm"])
    with pytest.raises(InvalidInput, match="xm does not serve sim: URIs"):
        connect("sim:?xm.folder=/x", plugins=sim)


def test_a_wrong_value_that_nobody_chose_is_a_missing_channel(plugins, recorded):
    spec = recorded.spec("alone", local_only=True)

    class Scheme:
        xenparley_spi = (1, 0)

        @hookimpl
        def xenparley_register(self, registrar):
            registrar.adapter(evolve(spec, schemes=frozenset({"bad"})))
            said = Connection("x", True, {"alone": {"folder": "wrong"}})
            registrar.scheme(SchemeSpec("bad", lambda uri: said, ""))

    plugins.register(Scheme(), "bad")
    with pytest.raises(NoChannel, match="alone: alone: not a folder"):
        connect("bad:", plugins=plugins)


def test_settings_of_a_broken_plugin(tmp_path):
    install(tmp_path, "acme", {"acme": "acme_is_not_there"})
    plugins = Plugins(environ={}, path=[str(tmp_path)])
    plugins.register(Recorded(), "recorded")
    with pytest.raises(PluginError, match="'acme' has settings, but its plugin is broken"):
        connect("xen:///?acme.x=1", plugins=plugins)


@pytest.mark.parametrize("settings", [None, ["x"], {"a.b": "x"}, {"": "x"}, {1: "x"}])
def test_declarations_are_checked(settings):
    class Odd:
        xenparley_spi = (1, 0)

        @hookimpl
        def xenparley_register(self, registrar):
            registrar.adapter(
                AdapterSpec(
                    name="odd",
                    factory="a:b",
                    offers=(),
                    schemes=frozenset({"xen"}),
                    summary="",
                    settings=settings,
                )
            )

    with pytest.raises(PluginError, match="settings"):
        Plugins(load=False, environ={}).register(Odd(), "odd")


@pytest.mark.parametrize("name", ["hypercall", "sim", "xend", "xenstore", "xl", "xm"])
def test_adapters_declare_what_they_know(name):
    spec = Plugins(environ={}).adapters[name]
    assert spec.settings
    factory = spec.factory
    assert isinstance(factory, str)
    module, function = factory.split(":")
    make = getattr(importlib.import_module(module), function)
    with pytest.raises(InvalidInput, match=r"unknown setting|no such setting") as caught:
        make(ChannelContext(name, parse_uri("xen:///"), True, {"no-such": "1"}))
    told = str(caught.value).rpartition("knows: ")
    if told[1]:
        assert {word.strip() for word in told[2].split(",")} == set(spec.settings)
    for key in spec.settings:
        try:
            channel = make(ChannelContext(name, parse_uri("xen:///"), True, {key: "!"}))
        except InvalidInput as exc:
            assert "setting" not in str(exc)
        else:
            channel.close()


@given(
    st.dictionaries(st.text("ab.-", min_size=1, max_size=6), st.text("xy/", max_size=4), max_size=5)
)
def test_words_are_parted_or_refused(query):
    uri = parse_uri("xen:///")._replace(query=query)
    try:
        rest, found = in_uri(uri)
    except InvalidInput:
        parts = [key.rpartition(".") for key in query]
        assert any(dot and not (adapter and key) for adapter, dot, key in parts)
        return
    again = {
        f"{adapter}.{key}": v for adapter, values in found.items() for key, v in values.items()
    }
    assert {**rest.query, **again} == query
    assert not any("." in key for key in rest.query)
