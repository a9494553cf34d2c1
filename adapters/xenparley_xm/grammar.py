"""Which language the folder's files are in, and what the documents say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley_formats.xlcfg_syntax import XlDocument, parse_xlcfg
from xenparley_formats.xm_syntax import XmDocument, parse_xm

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley_formats.text_document import TextDocument

__all__ = ["TOOLSTACKS", "Grammar"]

#: What the files may be written for.
TOOLSTACKS: Final = ("xm", "xl")


class Grammar(NamedTuple):
    """The language of the files: ``toolstack`` is ``xm`` (Python 2's literals) or ``xl``.

    ``version`` is ``xend_config_format``: 1 (Xen up to 3.0.2), 2 (3.0.3), 3 (3.0.4), 4 (3.1 on).
    xl's files have no such versions.
    """

    toolstack: str
    version: int

    def parse(self, data: bytes, path: str) -> TextDocument:
        """Read a document. Raises ParseError with ``file:line``."""
        return parse_xlcfg(data, path) if self.toolstack == "xl" else parse_xm(data, path)

    def empty(self) -> TextDocument:
        """Return a document without statements."""
        return XlDocument() if self.toolstack == "xl" else XmDocument()

    # The configuration's classes are imported only when one is asked for.

    def config(self, document: TextDocument, path: str) -> GuestConfig:
        """Return the guest that a document says. Raises ConfigError with every problem."""
        if isinstance(document, XlDocument):
            from xenparley_formats.xl_format import config_from_xl

            return config_from_xl(document, source=path)
        assert isinstance(document, XmDocument)
        from xenparley_formats.xm_format import config_from_xm

        return config_from_xm(document, version=self.version, source=path)

    def apply(self, document: TextDocument, config: GuestConfig) -> None:
        """Make a document say a guest, and change nothing else. Raises Unrepresentable."""
        if isinstance(document, XlDocument):
            from xenparley_formats.xl_format import apply_to_xl

            apply_to_xl(document, config)
            return
        assert isinstance(document, XmDocument)
        from xenparley_formats.xm_format import apply_to_xm

        apply_to_xm(document, config, version=self.version)

    def __str__(self) -> str:
        """Name the language for people."""
        if self.toolstack == "xl":
            return "xl.cfg"
        return f"XM, xend_config_format {self.version}"
