"""What is public is documented: hooks, capabilities, errors, ports, public names."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

import xenparley
from xenparley.domain import errors
from xenparley.negotiation.capability import Capability, Role
from xenparley.plugin import hooks, spi

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def text():
    """All pages, the generated pieces included."""
    sys.path.insert(0, str(DOCS))
    try:
        import generate
    finally:
        sys.path.remove(str(DOCS))
    pages = [page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))]
    pages += [generate.capabilities(), generate.error_tree(), generate.lifecycle_table()]
    return "\n".join(pages)


def test_every_hook_is_documented_with_its_arguments(text):
    for name in hooks.__all__:
        value = getattr(hooks, name)
        if inspect.isfunction(value) and name.startswith("xenparley_"):
            arguments = ", ".join(inspect.signature(value).parameters)
            assert f"{name}({arguments})" in text, name


def test_every_registrar_method_is_documented(text):
    for name, value in vars(spi.Registrar).items():
        if not name.startswith("_") and inspect.isfunction(value):
            assert f"registrar.{name}(" in text or f"`{name}`" in text, name


def test_every_capability_is_documented(text):
    for capability in Capability:
        assert f"`{capability.value}`" in text


def test_every_error_is_documented(text):
    for name in errors.__all__:
        value = getattr(errors, name)
        if isinstance(value, type) and issubclass(value, errors.XenparleyError):
            assert f"`{name}`" in text, name


def test_every_port_is_named(text):
    for role in Role:
        assert role.value in text


def test_every_page_is_in_the_contents():
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        if page.name != "index.md":
            assert f"\n{page.stem}\n" in contents, page.name


def test_public_names_can_be_imported_and_have_words():
    for name in xenparley.__all__:
        value = getattr(xenparley, name)
        assert inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="nonsense"):
        xenparley.nonsense  # noqa: B018
    assert set(xenparley.__all__) <= set(dir(xenparley))


def test_the_drawing_names_every_phase():
    sys.path.insert(0, str(DOCS))
    try:
        import generate
    finally:
        sys.path.remove(str(DOCS))
    from lxml import etree

    drawing = generate.lifecycle_diagram()
    etree.fromstring(drawing)
    for phase in xenparley.Phase:
        assert f">{phase.value}</text>" in drawing
