"""What a command gets: the host, the plugins and the output. Third-party commands get the same."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Collection
from contextlib import ExitStack
from typing import TYPE_CHECKING

from xenparley_cli.output import Output

if TYPE_CHECKING:
    from xenparley import GuestRef, Host, Outcome, Plugins

__all__ = ["Context"]


class Context:
    """The public object that ``CommandSpec.run`` is called with.

    ``output`` writes answers and messages; ``arguments`` are all options, those of every command
    included. Errors of ``xenparley.domain.errors`` are left to the command line, which words them
    and chooses the exit code.
    """

    def __init__(self, arguments: Namespace, output: Output) -> None:
        self.arguments = arguments
        self.output = output
        self._plugins: Plugins | None = None
        self._host: Host | None = None
        self._closing = ExitStack()

    @property
    def plugins(self) -> Plugins:
        """The plugins; they are loaded at the first need."""
        if self._plugins is None:
            from xenparley.plugin.registry import Plugins

            self._plugins = Plugins(strict=self.arguments.strict_plugins)
        return self._plugins

    def timeout(self, usual: float = 30.0) -> float:
        """Return the seconds that the command may take: ``--timeout``, else what is usual."""
        given: float | None = self.arguments.timeout
        return usual if given is None else given

    def connect(self, uri: str | None = None) -> Host:
        """Connect to the host that the options say (once), or to another."""
        if uri is None and self._host is not None:
            return self._host
        from xenparley.application.connecting import connect

        options = self.arguments
        host = self._closing.enter_context(
            connect(
                options.uri if uri is None else uri,
                channels=options.channels,
                disable=options.disable,
                prefer=options.prefer,
                plugins=self.plugins,
                timeout=self.timeout(),
                insecure=options.insecure,
            )
        )
        if threading.current_thread() is threading.main_thread():
            # The program is this one's: Ctrl-Z must not leave watches that nobody reads.
            self._closing.enter_context(host.stop_guard())
        if uri is None:
            self._host = host
        return host

    def guest(self) -> str | GuestRef:
        """Return the guest that GUEST and ``--by`` mean, to be handed to the host's methods."""
        text: str = self.arguments.guest
        by: str = self.arguments.by
        if by == "any":
            return text
        # Only a look-up can be told what the text is: what it finds is aimed at by all its keys.
        return self.connect().find(text, by=by, fields=(), timeout=self.timeout()).ref

    def outcome(self, outcome: Outcome, done: str, asked: str | None = None) -> int:
        """Tell what a command came to. ``done`` and ``asked`` are words: ``running``, ``...``."""
        out = self.output
        for warning in outcome.warnings:
            out.warn(warning)
        phase = outcome.phase.value if outcome.phase is not None else None
        if out.format != "table":
            from xenparley_cli.columns import Column

            columns = [
                Column(key, key)
                for key in ("domid", "uuid", "name", "accepted", "reached", "already", "phase",
                            "channel", "how")
            ]  # fmt: skip
            ref = outcome.guest
            row = {
                "domid": ref.domid, "uuid": ref.uuid, "name": ref.name, "phase": phase,
                "accepted": outcome.accepted, "reached": outcome.reached,
                "already": outcome.already, "channel": outcome.channel, "how": outcome.how,
            }  # fmt: skip
            out.record("outcome", columns, row)
        elif outcome.already:
            out.message(f"{outcome.guest} is {done} already")
        elif outcome.reached:
            out.message(f"{outcome.guest} is {done}")
        else:
            by = f" by {outcome.channel}" if outcome.channel else ""
            out.message(f"{outcome.guest}: {asked or done} (accepted{by})")
        return 0

    def names(self, text: str | None) -> Collection[str] | None:
        """Split ``a,b``; None stays None."""
        from xenparley_cli.arguments import names

        return None if text is None else names(text)

    def close(self) -> None:
        """Close what was connected."""
        self._closing.close()
