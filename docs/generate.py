"""Pages that are made from the code: what can be generated is never written by hand."""

from __future__ import annotations

from pathlib import Path

from release_table import release_tables

from xenparley.domain import errors
from xenparley.domain.lifecycle import COMMANDS, LIVING, OBSERVED, Phase
from xenparley.negotiation.capability import SPECS, Capability

__all__ = ["capabilities", "error_tree", "lifecycle_diagram", "lifecycle_table", "write_all"]

#: Where each phase stands in the drawing, in pixels.
_PLACES = {
    Phase.ABSENT: (0.0, 0.0),
    Phase.SHUT_OFF: (0.0, 240.0),
    Phase.PAUSED: (330.0, 0.0),
    Phase.ACTIVE: (330.0, 240.0),
    Phase.CRASHED: (620.0, 0.0),
    Phase.DYING: (620.0, 120.0),
    Phase.SHUTDOWN: (620.0, 240.0),
}
_BOX_W, _BOX_H = 110, 36
#: The frame round the living phases, whose left side arrows for all of them start from.
_FRAME = (250.0, -45.0, 460.0, 375.0)
_LINE = "#55705f"


def lifecycle_diagram() -> str:
    """Draw the transition table as SVG: commands solid, observed changes dashed.

    A command that every living phase allows, with one goal, is drawn once, from the frame round
    them. What merely ends between two looks is left to the table.
    """
    shared = {
        (command, goal)
        for (_, command), goal in COMMANDS.items()
        if goal not in LIVING and all(COMMANDS.get((p, command)) is goal for p in LIVING)
    }
    labels: dict[tuple[Phase, Phase], list[str]] = {}
    for (before, command), after in COMMANDS.items():
        if before is not after and not (before in LIVING and (command, after) in shared):
            labels.setdefault((before, after), []).append(command.value)
    x, y, width, height = _FRAME
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-105 -60 835 405" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="The life of a guest">',
        '<rect x="-105" y="-60" width="835" height="405" fill="#fff"/>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="{_LINE}"/>'
        "</marker></defs>",
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="14" fill="#f4faf7" '
        f'stroke="{_LINE}" stroke-opacity="0.35"/>',
        f'<text x="{x + width - 10:g}" y="{y + 16:g}" text-anchor="end" fill="#777">living</text>',
    ]
    parts += [
        _arrow(_PLACES[before], _PLACES[after], "", bend=22, dashed=True)
        for before, after in OBSERVED
        if (before, after) not in labels and {before, after} <= LIVING
    ]
    parts += [
        _arrow(_PLACES[before], _PLACES[after], ", ".join(words), bend=34, dashed=False)
        for (before, after), words in labels.items()
    ]
    for command, goal in sorted(shared, key=lambda pair: pair[0].value):
        goal_x, goal_y = _PLACES[goal]
        start = (x + _BOX_W / 2, goal_y + 80)
        parts.append(
            _arrow(start, (goal_x, goal_y), f"{command.value} (any)", bend=55, dashed=False)
        )
    for phase, (box_x, box_y) in _PLACES.items():
        fill = "#d9efe4" if phase in LIVING else "#f1eee4"
        parts.append(
            f'<rect x="{box_x - _BOX_W / 2:g}" y="{box_y - _BOX_H / 2:g}" width="{_BOX_W}" '
            f'height="{_BOX_H}" rx="9" fill="{fill}" stroke="{_LINE}"/>'
            f'<text x="{box_x:g}" y="{box_y + 4:g}" text-anchor="middle" font-size="14" '
            f'fill="#222">{phase.value}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _arrow(
    start: tuple[float, float], end: tuple[float, float], words: str, *, bend: float, dashed: bool
) -> str:
    """Draw a curve that bends to its left, so that the two directions of a pair lie apart."""
    (x1, y1), (x2, y2) = start, end
    length = max(1.0, ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5)
    normal_x, normal_y = (y2 - y1) / length, -(x2 - x1) / length
    middle_x, middle_y = (x1 + x2) / 2 + normal_x * bend, (y1 + y2) / 2 + normal_y * bend
    x1, y1 = _edge(x1, y1, middle_x, middle_y)
    x2, y2 = _edge(x2, y2, middle_x, middle_y)
    style = ' stroke-dasharray="3 4" opacity="0.6"' if dashed else ""
    label = ""
    if words:
        # Beyond the curve's own middle, on the side that it bends to.
        label_x = (x1 + 2 * middle_x + x2) / 4 + normal_x * 6
        label_y = (y1 + 2 * middle_y + y2) / 4 + normal_y * 9 + 4
        anchor = "middle" if abs(normal_x) < 0.7 else "start" if normal_x > 0 else "end"
        label = (
            f'<text x="{label_x:.0f}" y="{label_y:.0f}" text-anchor="{anchor}" fill="#222" '
            f'stroke="#fff" stroke-width="3" paint-order="stroke">{words}</text>'
        )
    return (
        f'<path d="M{x1:.0f} {y1:.0f}Q{middle_x:.0f} {middle_y:.0f} {x2:.0f} {y2:.0f}" '
        f'fill="none" stroke="{_LINE}"{style} marker-end="url(#tip)"/>{label}'
    )


def _edge(x: float, y: float, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Find where the line from a box's middle towards a point leaves the box."""
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
        "releases.md": release_tables(),
    }
    for name, text in pieces.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
