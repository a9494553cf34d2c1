"""What the tests of the command line share: a guest, a third-party plugin, results."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["NASTY", "OTHER", "PLUGIN", "SECRET", "UUID", "Result", "Run", "guest_xml"]

GUEST = """\
<domain type='xen'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>128</memory>
  <vcpu>2</vcpu>
  <os><type>linux</type><kernel>/boot/vmlinuz</kernel></os>
  <devices>
    <disk type='file'><source file='/images/{name}'/><target dev='xvda'/></disk>
    <graphics type='vnc' port='5901' passwd='{secret}'/>
  </devices>
</domain>
"""
UUID = "00c0ffee-0000-4000-8000-000000000001"
OTHER = "00c0ffee-0000-4000-8000-000000000002"
SECRET = "open-sesame"


class Result(NamedTuple):
    """What a run of the program came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return stdout's one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Result]


def guest_xml(name: str = "web", uuid: str = UUID, secret: str = SECRET) -> str:
    return GUEST.format(name=name, uuid=uuid, secret=secret)


PLUGIN = """
from xenparley.domain import errors
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Available, Offer
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec, CommandSpec, Connection, SchemeSpec

xenparley_spi = (1, 0)
NAMES = {names!r}
COSTS = {{Field.DOMID: 1.0, Field.NAME: 1.0, Field.STATE: 1.0, Field.UUID: 1.0}}
OFFERS = (Offer(Capability.LIST_LIVE, 1.0, field_costs_us=COSTS),)


class Channel:
    def probe(self, *, deadline):
        return Available(version="1", offers=OFFERS)

    def port(self, role):
        return self

    def close(self):
        pass

    def list_live(self, fields, *, domids=None, deadline):
        return [
            GuestRow(
                n, None, {{Field.NAME: name, Field.STATE: RunFlags.BLOCKED}}
            )
            for n, name in enumerate(NAMES, 1)
        ]


def configure(parser):
    parser.add_argument("what")


def run(context, arguments):
    what = arguments.what
    if what == "exit":
        raise SystemExit(77)
    if what == "bug":
        raise RuntimeError("a bug\\x1b[2J")
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "columns":
        context.output.line("hello")
        return 21
    for cls in vars(errors).values():
        if isinstance(cls, type) and cls.__name__ == what:
            if what in ("ConfigError", "Unrepresentable"):
                problems = [errors.Problem("a:1", "one\\x1b[2J"), errors.Problem("a:2", "two")]
                raise cls(*(["csv"] if what == "Unrepresentable" else []), problems)
            raise cls("it is \\x1b[2J so")
    raise LookupError(what)


@hookimpl
def xenparley_register(registrar):
    registrar.scheme(
        SchemeSpec(
            name="evil", summary="",
            connect=lambda uri: Connection(label="evil", local=True),
        )
    )
    registrar.adapter(
        AdapterSpec(
            name="evil", factory=lambda context: Channel(), offers=OFFERS,
            schemes=frozenset({{"evil"}}), summary="names that others chose",
        )
    )
    registrar.command(
        CommandSpec(name="raise", summary="raises", configure=configure, run=run)
    )
    registrar.command(
        CommandSpec(name="list", summary="hidden", configure=configure, run=run)
    )
"""

#: Names as guests may write them into XenStore.
NASTY = (
    "\x1b[2Jcleared",
    "bell\x07",
    "new\nline",
    "del\x7f",
    "c1\x9b31m",
    "right\u202eleft",
    "=cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    'quo"te,comma',
    "日本語",
    "é" * 50,
    "\udc80lone",
    "x" * 3000,
)
