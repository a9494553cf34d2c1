"""GuestConfig to domain XML, by the table of nodes: libvirt's order and style."""

from __future__ import annotations

from xenparley.domain.config import Extra, Feature, GuestConfig
from xenparley.domain.identity import printable
from xenparley_formats.api import Writing, worded
from xenparley_formats.without_secrets import without_secrets
from xenparley_formats.xml_extras import AFTER, BEFORE
from xenparley_formats.xml_guest_nodes import DOMAIN, GROUPS
from xenparley_formats.xml_node import (
    EXTRA,
    FLAG,
    FLAT,
    MANY,
    NAMED,
    NAMESPACE,
    ONE,
    SCALARS,
    Node,
    Values,
)
from xenparley_formats.xml_run_write import Pieces, WriteRun, attribute
from xenparley_formats.xml_words import SPACES

__all__ = ["write_xml"]

_OURS = f"{{{NAMESPACE}}}"
# the element around them has no attributes of its own
_FEATURES = Node("features")


def write_xml(config: GuestConfig, *, secrets: bool = True, lossy: bool = False) -> Writing:
    """Return the ``<domain>`` document, with a newline at its end.

    ``secrets=False`` leaves passwords out, for people's eyes. Raises Unrepresentable for text
    that XML can't hold; with ``lossy`` U+FFFD stands in for it, and each loss is a warning.
    """
    if not secrets:
        config = without_secrets(config)
    run = WriteRun(lossy=lossy)
    writer = _Writer(run)
    pieces = Pieces(config.extras, run, "domain")
    head = writer.beside(pieces, BEFORE)
    tail = writer.beside(pieces, AFTER)
    values = DOMAIN.take_apart(config)
    body = writer.element(DOMAIN, values, pieces, "", "", "")
    pieces.finish()
    warnings = run.finish()
    if run.uses_namespace:
        declared = attribute("xmlns:xenparley", NAMESPACE)
        body[0] = f"<domain{declared}{body[0].removeprefix('<domain')}"
    return Writing(text="\n".join([*head, *body, *tail, ""]), warnings=worded(warnings))


def _is_element(last: str) -> bool:
    return not last.startswith(("@", "!", "?", "#"))


class _Writer:
    """Lines of one document. ``where`` is the path for messages, ``path`` that below the owner."""

    def __init__(self, run: WriteRun) -> None:
        self._run = run

    def beside(self, pieces: Pieces, parent: str) -> list[str]:
        """Write comments and processing instructions around the root element."""
        lines = []
        for last, extra in pieces.take(parent):
            line = self._run.aside(last, extra, "") if last in ("!comment", "?") else None
            if line is not None:
                lines.append(line)
            elif last not in ("!comment", "?"):
                self._run.lose(printable(extra.key, limit=200), "no place for it")
        return lines

    def element(
        self, node: Node, values: Values, pieces: Pieces, path: str, indent: str, where: str
    ) -> list[str]:
        """Return the element's lines; none when a flat one would be empty."""
        held = pieces.take(path)
        attributes = self._attributes(node, values, held, where)
        text = self._text(node, values, where)
        if node.kind == ONE and text == "":
            self._run.lose(where.rstrip("/"), "an empty text can't be told from none")
        lines: list[str] = []
        inner = indent + "  "
        for child in node.children:
            lines += self._child(child, values, pieces, path, inner, where)
        lines += self._extra_lines(node, values, held, inner, where)
        empty = not held and not attributes and not lines and text is None
        if empty and node.kind == FLAT and not node.always:
            return []
        return self._wrap(node.step, attributes, text, lines, indent)

    def _wrap(
        self, step: str, attributes: str, text: str | None, lines: list[str], indent: str
    ) -> list[str]:
        if ":" in step or " xenparley:" in attributes:
            self._run.uses_namespace = True
        if text is not None and lines:
            # elements beside text: on one line, since white space would be content
            joined = "".join(line.strip(SPACES) for line in lines)
            return [f"{indent}<{step}{attributes}>{text}{joined}</{step}>"]
        if text:
            return [f"{indent}<{step}{attributes}>{text}</{step}>"]
        if lines:
            return [f"{indent}<{step}{attributes}>", *lines, f"{indent}</{step}>"]
        return [f"{indent}<{step}{attributes}/>"]

    def _attributes(
        self, node: Node, values: Values, held: list[tuple[str, Extra]], where: str
    ) -> str:
        text = ""
        for name, (field, word) in node.attrs.items():
            value = values.get(field)
            if value is None:
                continue
            shown = self._run.value(word.format(value), f"{where}@{name}", secret=word.secret)
            if shown is not None:
                text += attribute(name.replace(_OURS, "xenparley:"), shown)
        return text + self._extra_attributes(node, held, where)

    def _extra_attributes(self, node: Node, held: list[tuple[str, Extra]], where: str) -> str:
        if not held:
            return ""
        text = ""
        taken = set(node.attrs)
        for number, (last, extra) in enumerate(held):
            if last.startswith("@") and extra.format == "xml":
                name = last[1:]
                text += self._run.extra_attribute(name, extra.text, number, taken, where)
                taken.add(name)
        return text

    def _text(self, node: Node, values: Values, where: str) -> str | None:
        if node.text is None:
            return None
        field, word = node.text
        value = values.get(field)
        return None if value is None else self._run.text(word.format(value), where.rstrip("/"))

    def _child(
        self, child: Node, values: Values, pieces: Pieces, path: str, indent: str, where: str
    ) -> list[str]:
        if child.only is not None:
            lines = []
            for node in child.only.values():
                lines += self._child(node, values, pieces, path, indent, where)
            return lines
        if child.switch is not None:
            child = self._case(child, values, where)
        step = f"{path}{child.step}/"
        there = f"{where}{child.step}/"
        if child.kind == FLAT:
            return self.element(child, values, pieces, step, indent, there)
        value = values.get(child.field)
        if child.kind == FLAG:
            return self.element(child, {}, pieces, step, indent, there) if value else []
        if child.kind == NAMED:
            return self._features(child, value or (), pieces, step, indent, there)
        if value is None:
            return []
        lines = []
        for number, thing in enumerate((value,) if child.kind == ONE else value, 1):
            numbered = f"[{number}]/" if child.kind != ONE else "/"
            there = f"{where}{child.step}{numbered}"
            if child.kind == SCALARS:
                at = f"{path}{child.step}{numbered}"
                lines += self.element(child, {child.field: thing}, pieces, at, indent, there)
            elif child.owns_extras:
                own = Pieces(thing.extras, self._run, there.rstrip("/"))
                lines += self.element(child, child.take_apart(thing), own, "", indent, there)
                own.finish()
            else:
                assert child.kind in (ONE, MANY)
                taken = child.take_apart(thing)
                lines += self.element(child, taken, pieces, step, indent, there)
        return lines

    def _case(self, child: Node, values: Values, where: str) -> Node:
        """Choose the case by the owner's kind; what only other cases can say is a loss."""
        chosen = child.resolve(values, None) or child
        for case in (child, *child.cases.values()):
            for name in case.says - chosen.says:
                if values.get(name) not in (None, (), False):
                    kind = values.get(child.switch or "")
                    shown = f"{where}{child.step}: {name.lstrip('_')}"
                    self._run.lose(shown, f"has no place with type {printable(str(kind))!r}")
        return chosen

    def _features(
        self,
        node: Node,
        features: tuple[Feature, ...],
        pieces: Pieces,
        path: str,
        indent: str,
        where: str,
    ) -> list[str]:
        held = pieces.take(path)
        attributes = self._extra_attributes(_FEATURES, held, where)
        lines: list[str] = []
        for feature in features:
            lines += self._feature(node, feature, indent + "  ", where)
        lines += self._extra_lines(None, {}, held, indent + "  ", where)
        if not held and not lines:
            return []
        return self._wrap("features", attributes, None, lines, indent)

    def _feature(self, node: Node, feature: Feature, indent: str, where: str) -> list[str]:
        name = feature.name
        there = f"{where}{printable(name, limit=80)}/"
        if not name.replace("_", "a").replace("-", "a").isalnum() or not name[0].isalpha():
            self._run.lose(there.rstrip("/"), "no name of an element")
            return []
        if not name.isascii():
            self._run.lose(there.rstrip("/"), "no name of an element")
            return []
        values = {"state": feature.state, "mode": feature.mode}
        own = Pieces(feature.extras, self._run, there.rstrip("/"))
        held = own.take("")
        attributes = self._attributes(node, values, held, there)
        lines: list[str] = []
        if feature.features and name not in GROUPS:
            self._run.lose(there.rstrip("/"), "this feature holds no others")
        else:
            for inner in feature.features:
                if inner.features:
                    self._run.lose(there.rstrip("/"), "features are nested too deeply")
                lines += self._feature(node, inner, indent + "  ", there)
        if name in GROUPS:
            held = [piece for piece in held if not self._is_feature(*piece, there)]
        lines += self._extra_lines(None, {}, held, indent + "  ", there)
        own.finish()
        return self._wrap(name, attributes, None, lines, indent)

    def _is_feature(self, last: str, extra: Extra, where: str) -> bool:
        """Refuse a piece that would be read as one of the group's features."""
        plain = extra.format == "xml" and _is_element(last) and not last.startswith("{")
        if plain:
            self._run.lose(f"{where}{printable(last, limit=80)}", "a feature, not an extra")
        return plain

    def _extra_lines(
        self,
        node: Node | None,
        values: Values,
        held: list[tuple[str, Extra]],
        indent: str,
        where: str,
    ) -> list[str]:
        lines = []
        last_line = None
        for last, extra in held:
            if extra.format != "xml":
                lines.append(indent + self._foreign(extra, where))
            elif last in ("!comment", "?"):
                line = self._run.aside(last, extra, where)
                if line is not None:
                    lines.append(indent + line)
            elif last == "#text":
                last_line = indent + self._run.text(extra.text, f"{where}#text")
            elif last and _is_element(last):
                found = self._run.extra_element(last, extra, where)
                if found is None:
                    continue
                piece, text = found
                known = node.table.get(piece.tag) if node is not None else None
                if known is not None and known.resolve(values, piece) is not None:
                    self._run.lose(where + last, "given twice")
                elif piece.tag.startswith(_OURS):
                    self._run.lose(where + last, "xenparley's own namespace")
                else:
                    lines.append(indent + text)
        if last_line is not None:
            lines.append(last_line)
        return lines

    def _foreign(self, extra: Extra, where: str) -> str:
        self._run.uses_namespace = True
        step = EXTRA.replace(_OURS, "xenparley:")
        shown = f"{where}{printable(extra.key, limit=80)}"
        kept = attribute("format", self._run.possible(extra.format, shown))
        kept += attribute("key", self._run.possible(extra.key, shown))
        text = self._run.value(extra.text, shown, secret=True)
        content = "" if text is None else self._run.text(text, shown)
        return f"<{step}{kept}>{content}</{step}>" if content else f"<{step}{kept}/>"
