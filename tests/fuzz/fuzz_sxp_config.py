"""Guests in S-expressions: any bytes are a guest or a typed error, and guests are written."""

from __future__ import annotations

from xenparley.domain.errors import ConfigError, ParseError, Unrepresentable
from xenparley_formats import sxp_format

SEEDS = "sxp"
HEAD = b"(vm (name g) (memory 64) "
# one byte of the input is one of these
WORDS = [
    "(", "(", "(", ")", ")", ")", "(device", "(image", "(hvm", "(linux", "(vbd", "(tap2", "(vif",
    "(pci", "(vfb", "(vkbd", "(dev", "(uname", "(mode", "(bridge", "(mac", "(rate", "(serial",
    "(parallel", "(boot", "(kernel", "(loader", "(vcpus", "(vcpu_avail", "(cpus", "(uuid",
    "(usbdevice", "(soundhw", "(localtime", "(rtc_timeoffset", "(vnc", "(vncdisplay",
    "(bootloader", "(bootable", "xvda", "hda:disk", "hdc:cdrom", "file:/p", "phy:x", "tap:aio:/p",
    "w", "r", "w!", "0", "1", "5", "64", "0x1", "c", "none", "pty", "tcp:h:1", "unix:/s,server",
    "10MB/s", "1,1", "''", "()",
]  # fmt: skip


def one_input(data: bytes) -> None:
    """Try one input; any exception but the typed ones is a find."""
    options = {"xend-config-version": str(1 + len(data) % 4)}
    worded = " ".join(WORDS[byte % len(WORDS)] for byte in data).encode()
    for document in (data, HEAD + data + b")", HEAD + worded):
        try:
            config = sxp_format.read(document, source="fuzz", options=options).config
            text = sxp_format.write(config, lossy=True, options=options).text
        except (ParseError, ConfigError, Unrepresentable):
            continue
        sxp_format.read(text.encode("utf-8", "surrogateescape"), source="fuzz", options=options)
