"""URIs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.errors import InvalidInput
from xenparley.plugin.uri import parse_uri


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "query"),
    [
        ("xen:///", "xen", None, None, "/", {}),
        ("XEN:///?channels=xl,xenstore", "xen", None, None, "/", {"channels": "xl,xenstore"}),
        ("http://dom0:8000/", "http", "dom0", 8000, "/", {}),
        ("http://[fe80::1]:8000/", "http", "fe80::1", 8000, "/", {}),
        (
            "xend+unix:///var/lib/xend/xend-socket",
            "xend+unix",
            None,
            None,
            "/var/lib/xend/xend-socket",
            {},
        ),
        ("sim:", "sim", None, None, "", {}),
        ("sim:/tmp/a%20b?x=%26", "sim", None, None, "/tmp/a b", {"x": "&"}),
        ("sim:relative/path", "sim", None, None, "relative/path", {}),
    ],
)
def test_parts(text, scheme, host, port, path, query):
    uri = parse_uri(text)
    assert (uri.scheme, uri.host, uri.port, uri.path, uri.query) == (
        scheme,
        host,
        port,
        path,
        query,
    )
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dom0",
        "://x",
        "http://user:secret@host/",
        "http://host:0/",
        "http://host:99999/",
        "http://ho st:x/",
        "sim:%00",
        "sim:\0",
        "sim:%ff",
        "sim:?a=1&a=2",
    ],
)
def test_bad_ones_are_refused(text):
    with pytest.raises(InvalidInput) as caught:
        parse_uri(text)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_any_text_is_parsed_or_refused(text):
    try:
        uri = parse_uri(text)
    except InvalidInput:
        return
    assert uri.text == text
    assert "\0" not in uri.path
