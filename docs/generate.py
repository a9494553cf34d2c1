"""Pages that are made from the code: what can be generated is never written by hand."""

from __future__ import annotations

from pathlib import Path

from xenparley.domain import errors
from xenparley.domain.lifecycle import COMMANDS, LIVING, OBSERVED, Phase
from xenparley.negotiation.capability import SPECS, Capability

__all__ = ["capabilities", "error_tree", "lifecycle_diagram", "lifecycle_table", "write_all"]

#: Where each phase stands in the drawing: column and row.
_PLACES = {
    Phase.ABSENT: (0, 0),
    Phase.SHUT_OFF: (0, 2),
    Phase.PAUSED: (1, 0),
    Phase.ACTIVE: (1, 2),
    Phase.SHUTDOWN: (2, 2),
    Phase.CRASHED: (2, 0),
    Phase.DYING: (2, 1),
}
_WIDTH, _HEIGHT, _BOX_W, _BOX_H = 240, 100, 110, 36


def lifecycle_diagram() -> str:
    """Draw the transition table as SVG: commands solid, observed changes dashed."""
    labels: dict[tuple[Phase, Phase], list[str]] = {}
    for (before, command), after in COMMANDS.items():
        if before is not after:
            labels.setdefault((before, after), []).append(command.value)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-70 -50 640 310" '
        'font-family="sans-serif" font-size="11" role="img" '
        'aria-label="The life of a guest">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#55705f"/>'
        "</marker></defs>",
    ]
    parts += [
        _arrow(before, after, ", ".join(words), dashed=False)
        for (before, after), words in labels.items()
    ]
    parts += [
        _arrow(before, after, "", dashed=True)
        for before, after in OBSERVED
        if (before, after) not in labels
    ]
    for phase, place in _PLACES.items():
        x, y = _centre(place)
        fill = "#d9efe4" if phase in LIVING else "#f1eee4"
        parts.append(
            f'<rect x="{x - _BOX_W / 2}" y="{y - _BOX_H / 2}" width="{_BOX_W}" '
            f'height="{_BOX_H}" rx="9" fill="{fill}" stroke="#55705f"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle" font-size="13" fill="#222">'
            f"{phase.value}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _centre(place: tuple[int, int]) -> tuple[float, float]:
    return place[0] * _WIDTH, place[1] * _HEIGHT


def _arrow(before: Phase, after: Phase, words: str, *, dashed: bool) -> str:
    """One curved arrow; both directions of a pair bend away from each other."""
    x1, y1 = _centre(_PLACES[before])
    x2, y2 = _centre(_PLACES[after])
    length = max(1.0, ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5)
    bend = 26 if not dashed else 52
    middle_x = (x1 + x2) / 2 - (y2 - y1) / length * bend
    middle_y = (y1 + y2) / 2 + (x2 - x1) / length * bend
    x1, y1 = _edge(x1, y1, middle_x, middle_y)
    x2, y2 = _edge(x2, y2, middle_x, middle_y)
    style = ' stroke-dasharray="3 4" opacity="0.55"' if dashed else ""
    label = ""
    if words:
        label_x = (x1 + 2 * middle_x + x2) / 4
        label_y = (y1 + 2 * middle_y + y2) / 4
        label = (
            f'<text x="{label_x:.0f}" y="{label_y:.0f}" text-anchor="middle" fill="#333" '
            f'stroke="#fff" stroke-width="3" paint-order="stroke">{words}</text>'
        )
    return (
        f'<path d="M{x1:.0f} {y1:.0f}Q{middle_x:.0f} {middle_y:.0f} {x2:.0f} {y2:.0f}" '
        f'fill="none" stroke="#55705f"{style} marker-end="url(#tip)"/>{label}'
    )


def _edge(x: float, y: float, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Where the line from a box's middle towards a point leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    scale = min(
        _BOX_W / 2 / abs(dx) if dx else float("inf"),
        _BOX_H / 2 / abs(dy) if dy else float("inf"),
    )
    return x + dx * min(scale, 1.0), y + dy * min(scale, 1.0)


def lifecycle_table() -> str:
    """The transition table: a row a phase, a column a command."""
    used = sorted({c for _, c in COMMANDS}, key=lambda c: list(type(c)).index(c))
    lines = [
        "| phase | " + " | ".join(c.value for c in used) + " |",
        "|---" * (len(used) + 1) + "|",
    ]
    for phase in Phase:
        cells = [COMMANDS[phase, c].value if (phase, c) in COMMANDS else "" for c in used]
        lines.append(f"| **{phase.value}** | " + " | ".join(cells) + " |")
    lines += ["", "What is observed without a command of ours:", ""]
    lines += ["| from | to | because |", "|---|---|---|"]
    lines += [f"| {a.value} | {b.value} | {why} |" for (a, b), why in OBSERVED.items()]
    return "\n".join([*lines, ""])


def capabilities() -> str:
    """Every capability with its port, and what kind of call it is."""
    lines = ["| capability | what it does | port | method | kind |", "|---|---|---|---|---|"]
    for capability in Capability:
        spec = SPECS[capability]
        kind = "read" if not spec.command else "sent at most once" if spec.once else "command"
        lines.append(
            f"| `{capability.value}` | {spec.summary} | {spec.role.value} | `{spec.method}` "
            f"| {kind} |"
        )
    return "\n".join([*lines, ""])


def error_tree() -> str:
    """The error tree, as deep as it is, with each class's own words."""
    lines: list[str] = []

    def walk(kind: type[errors.XenparleyError], depth: int) -> None:
        first = (kind.__doc__ or "").partition("\n")[0].strip()
        lines.append(f"{'  ' * depth}- `{kind.__name__}` (`{kind.kind}`): {first}")
        for child in sorted(kind.__subclasses__(), key=lambda c: c.__name__):
            if child.__module__ == errors.__name__:
                walk(child, depth + 1)

    walk(errors.XenparleyError, 0)
    return "\n".join([*lines, ""])


def write_all(folder: Path) -> None:
    """Write every generated piece, only where it changed."""
    folder.mkdir(exist_ok=True)
    pieces = {
        "lifecycle.svg": lifecycle_diagram(),
        "lifecycle-table.md": lifecycle_table(),
        "capabilities.md": capabilities(),
        "errors.md": error_tree(),
    }
    for name, text in pieces.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
