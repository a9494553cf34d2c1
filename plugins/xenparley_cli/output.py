"""Writes answers on stdout, as a table, JSON or CSV; and messages on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from xenparley.domain.identity import printable
from xenparley_cli.columns import Column
from xenparley_cli.safe_text import document_for_terminal, fitted, width

__all__ = ["SCHEMA_VERSION", "Output"]

#: Of the JSON output. Keys may be added; a number here changes when one goes or changes meaning.
SCHEMA_VERSION = 1

Row = Mapping[str, Any]


class Output:
    """Where a command's answer goes. ``format`` is table, json or csv."""

    def __init__(
        self,
        format_: str = "table",
        *,
        headers: bool = True,
        quiet: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.format = format_
        self.headers = headers
        self.quiet = quiet
        self.stdout = sys.stdout if stdout is None else stdout
        self.stderr = sys.stderr if stderr is None else stderr
        environ = os.environ if environ is None else environ
        self.terminal = self.stdout.isatty()
        self.color = self.terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    # -- messages ----------------------------------------------------------------------------

    def message(self, text: str) -> None:
        """Tell people that something was done; ``-q`` leaves it out."""
        if not self.quiet:
            self._tell(text)

    def warn(self, text: str) -> None:
        """Tell people of something that may be wrong, ``-q`` or not."""
        self._tell(f"warning: {text}")

    def _tell(self, text: str) -> None:
        self.stderr.write(f"{printable(text)}\n")

    # -- answers -----------------------------------------------------------------------------

    def rows(
        self,
        kind: str,
        columns: Sequence[Column],
        rows: Iterable[Row],
        *,
        extra: Mapping[str, Any] | None = None,
        keep: Sequence[str] = (),
    ) -> None:
        """Write a list. ``kind`` names it in JSON (``guests``), beside what is in ``extra``.

        ``keep`` lists keys of the rows that JSON has beside the columns, where they have a value.
        """
        listed = list(rows)
        if self.format == "json":
            keys = [column.key for column in columns]
            made = [
                {**{k: row.get(k) for k in keys}, **{k: row[k] for k in keep if row.get(k)}}
                for row in listed
            ]
            self.json({kind: made, **(extra or {})})
        elif self.format == "csv":
            self._csv(columns, listed)
        else:
            self._table(columns, listed)

    def record(
        self, kind: str, columns: Sequence[Column], row: Row, *, keep: Sequence[str] = ()
    ) -> None:
        """Write one thing: a table has a line for each column."""
        if self.format == "json":
            keys = [column.key for column in columns]
            self.json(
                {kind: {k: row.get(k) for k in keys} | {k: row[k] for k in keep if row.get(k)}}
            )
        elif self.format == "csv":
            self._csv(columns, [row])
        else:
            longest = max(map(width, (column.title for column in columns)), default=0)
            for column in columns:
                shown = self._styled(column, row, column.show(row.get(column.key)))
                title = f"{column.title}:".ljust(longest + 2) if self.headers else ""
                self.stdout.write(f"{title}{shown}\n")

    def json(self, value: Mapping[str, Any], *, line: bool = False) -> None:
        """Write one JSON object, with ``schema_version``; ASCII only and no control characters."""
        import json

        text = json.dumps({"schema_version": SCHEMA_VERSION, **value}, indent=None if line else 2)
        # DEL is the one control character that JSON leaves as it is; it occurs in strings only.
        self.stdout.write(text.replace("\x7f", "\\u007f") + "\n")

    def line(self, text: str) -> None:
        """Write one line of text, safe for terminals."""
        self.stdout.write(f"{printable(text)}\n")

    def document(self, text: str, *, references: bool = False) -> None:
        """Write a document: to a terminal with controls escaped, to a file as it is, in UTF-8.

        ``references``: it is XML, which has a way to say so.
        """
        text = text if text.endswith("\n") or not text else text + "\n"
        if self.terminal:
            text = document_for_terminal(text, references=references)
            how = "xmlcharrefreplace" if references else "backslashreplace"
            encoding = self.stdout.encoding or "ascii"
            self.stdout.write(text.encode(encoding, how).decode(encoding))
            return
        binary = getattr(self.stdout, "buffer", None)
        if binary is None:
            self.stdout.write(text)
            return
        self.stdout.flush()
        binary.write(text.encode("utf-8", "surrogateescape"))
        binary.flush()

    # -- tables ------------------------------------------------------------------------------

    def _table(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        cells = [[column.show(row.get(column.key)) for column in columns] for row in rows]
        titles = [column.title for column in columns]
        shown = [titles, *cells] if self.headers else cells
        widths = [max((width(line[i]) for line in shown), default=0) for i in range(len(columns))]
        mark = "..."
        if self.terminal:
            self._shrink(columns, widths)
        write = self.stdout.write
        last = len(columns) - 1
        for number, line in enumerate(shown):
            row = None if self.headers and number == 0 else rows[number - self.headers]
            parts = []
            for i, (column, text) in enumerate(zip(columns, line, strict=True)):
                cut = fitted(text, widths[i], mark) if self.terminal else text
                space = " " * (widths[i] - width(cut))
                shown_text = cut if row is None else self._styled(column, row, cut)
                if column.right:
                    parts.append(space + shown_text)
                else:
                    parts.append(shown_text + ("" if i == last else space))
            write("  ".join(parts).rstrip(" ") + "\n")

    def _shrink(self, columns: Sequence[Column], widths: list[int]) -> None:
        """Make the widest columns that may be cut narrower, until the line fits the terminal."""
        from shutil import get_terminal_size

        over = sum(widths) + 2 * (len(widths) - 1) - get_terminal_size().columns
        while over > 0:
            able = [i for i, c in enumerate(columns) if c.shrink and widths[i] > 8]
            if not able:
                return
            widest = max(able, key=lambda i: widths[i])
            widths[widest] -= 1
            over -= 1

    def _styled(self, column: Column, row: Row, text: str) -> str:
        code = column.style(row.get(column.key)) if self.color and column.style else ""
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def _csv(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        import csv

        writer = csv.writer(self.stdout, lineterminator="\n")
        if self.headers:
            writer.writerow([column.key for column in columns])
        for row in rows:
            writer.writerow([_csv_cell(column, row.get(column.key)) for column in columns])


def _csv_cell(column: Column, value: Any) -> str:
    """Return a value for CSV. A spreadsheet must not take a guest's name for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        value = " ".join(map(str, value))
    text = printable(str(value))
    if not column.trusted and isinstance(value, str) and text[:1] in tuple("=+-@"):
        return f"'{text}"
    return text
