"""The code of documentation pages is run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from support.docs import blocks, environment, run_page
from support.require import missing

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["writing-an-adapter", "contract-kit"])
def test_page(page, tmp_path):
    path = ROOT / "docs" / f"{page}.md"
    for name in ("hatchling", "pip"):
        if importlib.util.find_spec(name) is None:
            missing(name, "the guide's package is built and installed with it")
    done = run_page(path, tmp_path, environment(tmp_path))
    assert done["file"] >= 3
    assert done["shell"] >= 2
    assert done["left"] == 0


@pytest.mark.parametrize(("page", "least"), [("library", 5), ("xenstore", 1)])
def test_page_in_this_process(page, least, tmp_path):
    done = run_page(ROOT / "docs" / f"{page}.md", tmp_path)
    assert done["python"] >= least


def test_blocks_are_found_with_place_and_caption():
    page = (
        "text\n\n```python\na = 1\n```\n\n"
        "```{code-block} python\n:caption: one/two.py\n\nb = 2\n```\n\n"
        "<!-- not run: needs Xen -->\n```sh\nxl list\n```\n\n````text\n```\n````\n"
    )
    found = list(blocks(page))
    assert [b.language for b in found] == ["python", "python", "sh", "text"]
    assert [b.caption for b in found] == [None, "one/two.py", None, None]
    assert [b.not_run for b in found] == [None, None, "needs Xen", None]
    assert [b.line for b in found] == [4, 10, 15, 19]
    assert found[1].text == "b = 2\n"
    assert found[3].text == "```\n"


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert 1 == 2\n```\n",
        "```sh\nfalse\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ true  # fails\n```\n",
        "```console\n$ printf 'b\\na\\n'\na\nb\n```\n",
    ],
)
def test_a_page_that_is_wrong_fails(page, tmp_path):
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(AssertionError):
        run_page(path, tmp_path)


def test_a_page_that_is_right_passes(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "```console\n$ printf 'one  two\\nthree\\nfour\\n'\none ...\nfour\n$ false  # fails\n```\n"
        "```python\nx = 1\n```\n"
        "```{code-block} text\n:caption: a/b\nc\n```\n```sh\ngrep c a/b\n```\n"
    )
    assert run_page(path, tmp_path) == {"file": 1, "python": 1, "shell": 2, "left": 0}
