"""A folder, channels to it, and the questions that the tests ask."""

from __future__ import annotations

import time

import pytest

from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_xm.channel import XmChannel

PLAIN = 'name = "{0}"\nmemory = 64\nkernel = "/boot/vmlinuz"\n'


class Files:
    """A folder of guests' files, and a channel to it for each set of settings."""

    def __init__(self, path):
        self.path = path
        self.made = []
        self.channel = self.open()

    def open(self, **settings):
        channel = XmChannel({"folder": str(self.path), "toolstack": "xm", **settings})
        self.made.append(channel)
        return channel

    def write(self, file, text=None):
        path = self.path / file
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(PLAIN.format(file) if text is None else text, encoding="utf-8")
        return path

    @staticmethod
    def soon(seconds=10.0):
        return time.monotonic() + seconds

    def rows(self, *fields, channel=None):
        """Return the rows by the name of the guest, or its UUID where there is no name."""
        inventory = (channel or self.channel).port(Role.INVENTORY)
        rows = inventory.list_defined(fields or tuple(Field), deadline=self.soon())
        return {row.values.get(Field.NAME) or row.uuid: row for row in rows}

    def facts(self):
        return self.channel.probe(deadline=self.soon()).facts

    def port(self, role):
        return self.channel.port(role)

    def read(self, name=None, uuid=None):
        ref = GuestRef(name=name, uuid=uuid)
        return self.port(Role.DEFINITIONS).read_defined(ref, deadline=self.soon())

    def define(self, config):
        return self.port(Role.DEFINITIONS).define(config, deadline=self.soon())

    def undefine(self, name):
        self.port(Role.DEFINITIONS).undefine(GuestRef(name=name), deadline=self.soon())

    def autostart(self, name, enabled):
        self.port(Role.DEFINITIONS).set_autostart(
            GuestRef(name=name), enabled, deadline=self.soon()
        )


@pytest.fixture
def files(tmp_path):
    path = tmp_path / "xen"
    path.mkdir()
    files = Files(path)
    yield files
    for channel in files.made:
        channel.close()
