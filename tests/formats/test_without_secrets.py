"""Writing for people's eyes: no password of the model is shown, nor one that travelled along."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from support.configs import configs
from support.xml_documents import document
from xenparley.domain.config import Extra, Graphics, GuestConfig, Interface
from xenparley_formats import json_format, sxp_format, xl_format, xm_format, xml_format
from xenparley_formats.without_secrets import without_secrets
from xenparley_formats.xml_format import read_xml

FORMS: list[Any] = [json_format, sxp_format, xl_format, xm_format, xml_format]
#: Pieces with a secret, and what is left of each.
PIECES = [
    (Extra("sxp", "device+", "(device (vfb (vncpasswd hush) (x y)))"), "(device (vfb (x y)))"),
    (
        Extra("sxp", "device+", '(device (vfb ("vnc\\x70asswd" hush) (x y)))'),
        "(device (vfb (x y)))",
    ),
    (Extra("sxp", "vncpasswd", "(vncpasswd hush)"), None),
    (Extra("sxp", "x", "(x (vncpasswd hush)"), None),
    (Extra("sxp", "x", '(x "vncpasswd=hush")'), None),
    (Extra("xml", "v", "<v passwd='hush'><w Password='hush'/></v>"), "<v><w/></v>"),
    (Extra("xml", "v", "<v><password>hush</password></v>"), None),
    (Extra("xml", "v", "<v><!-- passwd='hush' --></v>"), None),
    (Extra("xml", "@passwd", "hush"), None),
    (Extra("xml", "!comment", " passwd is hush "), None),
    (Extra("xm", "vncpasswd", "'hush'"), None),
    (Extra("xl", "spice", "spicepasswd=hush"), None),
    (Extra("other", "x", "PASSWORD=hush"), None),
]


@pytest.mark.parametrize(("piece", "left"), PIECES)
def test_kept_pieces_lose_their_passwords(piece: Extra, left: str | None) -> None:
    other = Extra("sxp", "on_xend_stop", "(on_xend_stop ignore)")
    config = read_xml(document()).config
    device = Interface(extras=(piece, other))
    config = evolve(config, extras=(piece, other), interfaces=(device,))
    found = without_secrets(config)
    assert found.interfaces[0].extras == found.extras
    assert found.extras[-1] == other
    assert [extra.text for extra in found.extras[:-1]] == ([] if left is None else [left])
    for form in FORMS:
        assert "hush" not in form.write(config, lossy=True, options={"secrets": "no"}).text


@pytest.mark.parametrize("form", FORMS)
def test_the_password_of_a_display(form: Any) -> None:
    config = read_xml(document()).config
    config = evolve(config, graphics=(Graphics(password="hush"),))
    assert "hush" in form.write(config, lossy=True, options={}).text
    assert "hush" not in form.write(config, lossy=True, options={"secrets": "no"}).text


@settings(max_examples=20, deadline=None)
@given(configs(), st.sampled_from(FORMS))
def test_a_guest_without_passwords_stays_as_it_is(config: GuestConfig, form: Any) -> None:
    shown = evolve(config, graphics=tuple(evolve(g, password=None) for g in config.graphics))
    assert without_secrets(config) == shown
    assert without_secrets(shown) is shown
    text = form.write(shown, lossy=True, options={}).text if config.virt != "pvh" else ""
    if text:
        assert form.write(config, lossy=True, options={"secrets": "no"}).text == text
