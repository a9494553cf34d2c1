"""The commands that come with xenparley: a name, a summary, and the module that has it.

Nothing of them is imported before one is asked for. Each module has ``configure_NAME(parser)``
and ``run_NAME(context, arguments)``, with dashes as underscores.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from xenparley_cli.context import Context

__all__ = ["ALIASES", "COMMANDS", "GROUPS", "Builtin"]


class Builtin(NamedTuple):
    """One command: its group for the help text, its module and what it does."""

    group: str
    module: str
    summary: str

    def load(
        self, name: str
    ) -> tuple[Callable[[ArgumentParser], None], Callable[[Context, Any], int]]:
        """Import its module; return what adds its arguments, and what runs it."""
        module = import_module(f"xenparley_cli.commands.{self.module}")
        word = name.replace("-", "_")
        return getattr(module, f"configure_{word}"), getattr(module, f"run_{word}")


GROUPS = ("look", "define", "steer", "change", "documents", "the host and its channels")
_LOOK, _DEFINE, _STEER, _CHANGE, _DOCUMENTS, _HOST = GROUPS

COMMANDS = {
    "list": Builtin(_LOOK, "listing", "list living guests, with --all defined ones too"),
    "info": Builtin(_LOOK, "looking", "show all that is known of a guest"),
    "state": Builtin(_LOOK, "looking", "print a guest's state in one word"),
    "dumpxml": Builtin(_LOOK, "documents", "print a guest's configuration"),
    "vcpus": Builtin(_LOOK, "looking", "list a guest's virtual CPUs"),
    "devices": Builtin(_LOOK, "looking", "list a living guest's devices"),
    "events": Builtin(_LOOK, "events", "print what happens to guests, as it happens"),
    "define": Builtin(_DEFINE, "defining", "define a guest, or redefine it"),
    "undefine": Builtin(_DEFINE, "defining", "remove a guest's definition"),
    "autostart": Builtin(_DEFINE, "defining", "start a guest when the host boots, or not"),
    "create": Builtin(_STEER, "steering", "start a guest from a file, without defining it"),
    "start": Builtin(_STEER, "steering", "start a defined guest"),
    "pause": Builtin(_STEER, "steering", "take a guest off its CPUs"),
    "unpause": Builtin(_STEER, "steering", "let a paused guest run"),
    "shutdown": Builtin(_STEER, "steering", "ask a guest to power off"),
    "reboot": Builtin(_STEER, "steering", "ask a guest to reboot"),
    "destroy": Builtin(_STEER, "steering", "end a guest at once, as by its plug"),
    "save": Builtin(_STEER, "images", "save a guest to a file on the host, and end it"),
    "restore": Builtin(_STEER, "images", "bring a saved guest back"),
    "dump": Builtin(_STEER, "images", "write a guest's core dump to a file on the host"),
    "migrate": Builtin(_STEER, "images", "move a guest to another host"),
    "rename": Builtin(_CHANGE, "changing", "give a guest another name"),
    "set-memory": Builtin(_CHANGE, "changing", "ask a guest's balloon for a size"),
    "set-max-memory": Builtin(_CHANGE, "changing", "limit a guest's memory"),
    "set-vcpus": Builtin(_CHANGE, "changing", "set how many virtual CPUs are online"),
    "convert": Builtin(_DOCUMENTS, "documents", "write a configuration in another format"),
    "validate": Builtin(_DOCUMENTS, "documents", "tell everything that is wrong with a file"),
    "host": Builtin(_HOST, "host", "show facts about the host"),
    "channels": Builtin(_HOST, "host", "list the ways into the host, and why one isn't there"),
    "explain": Builtin(_HOST, "host", "say which channel would serve something, and why"),
    "plugins": Builtin(_HOST, "plugins", "list plugins, and what is wrong with them"),
    "demo": Builtin(_HOST, "demo", "define, start and steer guests on a simulated host"),
    "sim": Builtin(_HOST, "sim", "serve a simulated Xen host of any release to other programs"),
}

#: virsh's words.
ALIASES = {"suspend": "pause", "resume": "unpause"}
