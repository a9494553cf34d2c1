"""Generations of XenD: what a daemon of each release does differently.

Recorded from 3.0.4, 3.1.0 and 4.1.6; the others from Xen's source.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GENERATIONS", "Generation", "generation"]


class Generation(NamedTuple):
    """A release and its ways. ``format`` None: ``xend_config_format`` isn't told."""

    release: str
    version: tuple[int, int, str]
    format: int | None
    #: Failures come with a status of success.
    fails_inside: bool = False
    #: How an unknown guest is answered: ``text``, ``empty`` (a 500) or ``fault``.
    unknown: str = "text"
    #: Keeps definitions; the listings then show running guests only.
    managed: bool = True
    #: Answers of GET have an empty atom behind the expression, and print it as ''.
    trailing: bool = False
    #: The HTTP server's pincpu binds to every CPU, whatever it is told.
    pins_all: bool = True
    #: A second guest with a living one's name and UUID is refused.
    unique: bool = False
    #: A second guest with a living one's UUID gives it its name.
    renames: bool = False
    #: A maximum below the memory disables the daemon.
    wedges: bool = False
    #: Takes more virtual CPUs than the guest has.
    any_vcpus: bool = True
    #: There is an XML-RPC server.
    xmlrpc: bool = True
    #: The node tells the scheduler.
    tells_scheduler: bool = True
    #: Scheduling parameters: ``sedf`` or ``credit``.
    scheduler: str = "credit"
    #: A configuration needs ``(vcpus N)``.
    needs_vcpus: bool = False
    #: Parameters without which an operation fails, beyond those of every release.
    demands: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def shown(self) -> tuple[int, ...]:
        """The release for printing S-expressions."""
        return (4, 1) if self.trailing else (3, 1)

    def demanded(self, op: str) -> tuple[str, ...]:
        """Return what an operation demands here beyond the usual."""
        return next((names for name, names in self.demands if name == op), ())


_MIGRATE_OLD = ("migrate", ("resource", "port"))
_DUMP_304 = ("dump", ("crash",))
_DESTROY_33 = ("device_destroy", ("force", "rm_cfg"))
_MIGRATE_33 = ("migrate", ("port", "node", "ssl"))
_DUMP_34 = ("dump", ("crash", "reset"))
_MIGRATE_40 = ("migrate", ("port", "node", "ssl", "change_home_server"))

GENERATIONS: tuple[Generation, ...] = (
    Generation(
        "3.0.1",
        (3, 0, ".1"),
        None,
        fails_inside=True,
        managed=False,
        xmlrpc=False,
        tells_scheduler=False,
        scheduler="sedf",
        demands=(_MIGRATE_OLD,),
    ),
    Generation(
        "3.0.2",
        (3, 0, ".2-2"),
        None,
        fails_inside=True,
        managed=False,
        tells_scheduler=False,
        scheduler="sedf",
        demands=(_MIGRATE_OLD,),
    ),
    Generation(
        "3.0.3",
        (3, 0, ".3-1"),
        2,
        managed=False,
        tells_scheduler=False,
        demands=(_MIGRATE_OLD,),
    ),
    Generation(
        "3.0.4",
        (3, 0, ".4-1"),
        3,
        renames=True,
        tells_scheduler=False,
        demands=(_MIGRATE_OLD, _DUMP_304),
    ),
    Generation(
        "3.1",
        (3, 1, ".0"),
        4,
        unknown="empty",
        renames=True,
        wedges=True,
        demands=(_MIGRATE_OLD, _DUMP_304),
    ),
    Generation(
        "3.3",
        (3, 3, ".1"),
        4,
        unknown="empty",
        demands=(_MIGRATE_33, _DUMP_304, _DESTROY_33),
    ),
    Generation(
        "3.4",
        (3, 4, ".2"),
        4,
        unknown="fault",
        pins_all=False,
        any_vcpus=False,
        demands=(_MIGRATE_33, _DUMP_34, _DESTROY_33),
    ),
    Generation(
        "4.0",
        (4, 0, ".1"),
        4,
        unknown="fault",
        pins_all=False,
        any_vcpus=False,
        unique=True,
        demands=(_MIGRATE_40, _DUMP_34, _DESTROY_33),
    ),
    Generation(
        "4.1",
        (4, 1, ".6"),
        4,
        unknown="fault",
        trailing=True,
        pins_all=False,
        any_vcpus=False,
        unique=True,
        needs_vcpus=True,
        demands=(_MIGRATE_40, _DUMP_34, _DESTROY_33),
    ),
)


def generation(release: str) -> Generation:
    """Return the generation of a release. Raises KeyError."""
    return {each.release: each for each in GENERATIONS}[release]
