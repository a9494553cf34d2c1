"""Runs the fenced code of a documentation page, so that what it shows is what happens.

In a page:

* a ``{code-block}`` with a ``:caption:`` is a file of that name, written before what follows runs;
* ``python`` runs in this process, each block by itself;
* ``sh`` runs in a shell, and ends with success;
* ``console`` has commands after ``$ `` and what they print below: each line printed must be there
  in this order, ``...`` stands for anything. A command that ends with ``# fails`` must fail;
* a comment ``<!-- not run: reason -->`` before a block leaves it out; other languages are not run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

__all__ = ["Block", "blocks", "environment", "run_page"]

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})(.*)$")
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(.+?)\s*-->")
LIMIT = 120


@frozen
class Block:
    """A fenced block: its language, text, line in the page, file name and why it is not run."""

    language: str
    text: str
    line: int
    caption: str | None = None
    not_run: str | None = None


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page's text."""
    lines = page.split("\n")
    number, not_run = 0, None
    while number < len(lines):
        line = lines[number]
        number += 1
        opened = _FENCE.match(line)
        if opened is None:
            comment = _NOT_RUN.search(line)
            if comment is not None:
                not_run = comment[1]
            elif line.strip():
                not_run = None
            continue
        start, body = number, []
        while number < len(lines) and not _closes(lines[number], opened[2]):
            body.append(lines[number])
            number += 1
        number += 1
        yield _block(opened[3].strip(), body, start, not_run)
        not_run = None


def _closes(line: str, fence: str) -> bool:
    return line.strip() == line.strip()[:1] * len(line.strip()) and line.strip().startswith(fence)


def _block(info: str, body: list[str], start: int, not_run: str | None) -> Block:
    directive = re.match(r"\{(?:code-block|code)\}\s*(\w*)", info)
    caption = None
    language = directive[1] if directive else info.split(" ")[0]
    while directive and body and (option := re.match(r":([\w-]+):\s*(.*)$", body[0])):
        caption = option[2] if option[1] == "caption" else caption
        body = body[1:]
        start += 1
    while directive and body and not body[0].strip():
        body, start = body[1:], start + 1
    return Block(language, "\n".join(body) + "\n", start + 1, caption, not_run)


def environment(folder: Path) -> dict[str, str]:
    """Make a virtual environment that sees what this one has; return the variables for it.

    What a page installs lands there, without the network.
    """
    home = folder / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    seen = [entry for entry in sys.path if entry and Path(entry).is_dir() and "python3" in entry]
    (packages / "outer.pth").write_text(
        "\n".join(f"import site; site.addsitedir({entry!r})" for entry in seen) + "\n"
    )
    program = home / "bin" / "xenparley"
    program.write_text(f'#!/bin/sh\nexec {home}/bin/python -m xenparley_cli "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(home / "bin"), os.environ["PATH"]]),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's words: the option's value, so no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_page(
    page: Path, folder: Path, variables: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Run a page's blocks in order, in ``folder``; count them by what was done with them.

    Raises AssertionError that names page and line for the first one that isn't as it says.
    """
    done = {"file": 0, "python": 0, "shell": 0, "left": 0}
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page.name}:{block.line}"
        if block.not_run is not None:
            done["left"] += 1
        elif block.caption is not None:
            target = folder / block.caption
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
            done["file"] += 1
        elif block.language == "python":
            _python(block, page, folder)
            done["python"] += 1
        elif block.language in ("sh", "console"):
            _shell(block, place, folder, variables or dict(os.environ))
            done["shell"] += 1
        else:
            done["left"] += 1
    return done


def _python(block: Block, page: Path, folder: Path) -> None:
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.chdir(folder) if sys.version_info >= (3, 11) else _chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, {"__name__": f"{page.stem}_{block.line}"})


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _shell(block: Block, place: str, folder: Path, variables: Mapping[str, str]) -> None:
    if block.language == "sh":
        _run(block.text, place, folder, variables, fails=False)
        return
    for command, expected in _transcript(block.text):
        words, _, note = command.partition("  # ")
        told = _run(words, place, folder, variables, fails=note.strip() == "fails")
        _compare(told, expected, f"{place}: $ {command}")


def _transcript(text: str) -> Iterator[tuple[str, list[str]]]:
    command: str | None = None
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, expected
            command, expected = line[2:], []
        elif command is not None and command.endswith("\\"):
            command = command[:-1] + line.strip()
        else:
            expected.append(line)
    if command is not None:
        yield command, expected


def _run(
    command: str, place: str, folder: Path, variables: Mapping[str, str], *, fails: bool
) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if (done.returncode != 0) is not fails:
        raise AssertionError(
            f"{place}: {command.strip()!r} ended with {done.returncode}:\n{done.stdout}"
        )
    return done.stdout


def _compare(told: str, expected: list[str], place: str) -> None:
    """Each expected line must be printed, in order; blanks don't count, ``...`` is anything."""
    lines = [" ".join(line.split()) for line in told.splitlines()]
    position = 0
    for wanted in expected:
        pattern = ".*".join(re.escape(" ".join(p.split())) for p in wanted.split("..."))
        if not pattern.strip(".*"):
            continue
        for index in range(position, len(lines)):
            if re.search(
                f"^{pattern}$".replace("\\ .*", ".*").replace(".*\\ ", ".*"), lines[index]
            ):
                position = index + 1
                break
        else:
            raise AssertionError(f"{place}: {wanted!r} was not printed, but:\n{told}")
