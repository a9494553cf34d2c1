"""What the page about the files shows is what happens."""

from __future__ import annotations

from pathlib import Path

from support.docs import run_page
from xenparley_xm.channel import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "xm.md"


def test_the_pages_code_runs(tmp_path):
    assert run_page(PAGE, tmp_path)["python"] == 1


def test_every_setting_is_documented():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in text] == []
