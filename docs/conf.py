"""Sphinx configuration. The generated pages are made from the code when the docs are built."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

project = "xenparley"
author = "The xenparley developers"
copyright = f"2026, {author}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "generated"]
html_theme = "furo"
html_title = "xenparley"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f5d50", "color-brand-content": "#2f5d50"},
    "dark_css_variables": {"color-brand-primary": "#8fd0b8", "color-brand-content": "#8fd0b8"},
}
# No inventory is fetched: the docs are built without a network.
intersphinx_mapping: dict[str, object] = {}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
nitpicky = False

generate.write_all(Path(__file__).parent / "generated")
