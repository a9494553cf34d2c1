"""Fuzz each reader for a bounded time, guided by what the inputs reach (atheris, libFuzzer).

``python tests/fuzz/run.py [NAME...]`` runs all of them, or those named (``xml``), each in a process
of its own, for ``XENPARLEY_FUZZ_SECONDS`` (10). An exception that is not xenparley's own for bad
input, a hang or more than a gigabyte of memory is a find: the input is shown, the status is 1.
Where atheris is missing that is said; where XENPARLEY_REQUIRE lists it, it is a failure.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "plugins" / "xenparley_cli" / "examples"
#: Seconds for one input.
HANG = 20
#: Bytes of an input: the documents to start from have some thousand.
LONGEST = 8192


def names() -> list[str]:
    """Name the harnesses: each is a module with ``one_input(data)`` and ``SEEDS``, a format."""
    return sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def seeds(form: str) -> list[bytes]:
    """Return the examples' guests in this format, to start from; or what a XenStore daemon says."""
    if form == "xenstore":
        return conversations()
    from xenparley_formats import json_format, sxp_format, xl_format, xm_format
    from xenparley_formats.xml_format import read_xml

    documents = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.xml"))]
    if form == "xml":
        return documents
    known = {"json": json_format, "sxp": sxp_format, "xl": xl_format, "xm": xm_format}
    configs = [read_xml(document).config for document in documents]
    texts = [known[form].write(config, lossy=True, options={}).text for config in configs]
    return [text.encode("utf-8", "surrogateescape") for text in texts]


def conversations() -> list[bytes]:
    """Return what XenStore daemons send: values and names, refusals, events, parts."""
    from xenparley_wire.xenstore import encode
    from xenparley_wire.xenstore_types import MessageType

    def said(*messages: tuple[MessageType, bytes]) -> bytes:
        return b"".join(encode(kind, n, 0, payload) for n, (kind, payload) in enumerate(messages))

    kinds = MessageType
    return [
        said((kinds.READ, b"guest"), (kinds.DIRECTORY, b"name\0vm\0memory\0"), (kinds.READ, b"")),
        said((kinds.ERROR, b"ENOENT\0"), (kinds.WRITE, b"OK\0"), (kinds.GET_PERMS, b"n0\0r7\0")),
        said((kinds.WATCH, b"OK\0"), (kinds.WATCH_EVENT, b"@releaseDomain\0token\0")),
        said((kinds.TRANSACTION_START, b"17\0"), (kinds.DIRECTORY_PART, b"5\0name\0vm\0\0")),
    ]


def fuzz(name: str, flags: list[str]) -> None:
    """Fuzz in this process, which ends here."""
    import atheris

    with atheris.instrument_imports(include=["xenparley_formats", "xenparley_wire"]):
        harness = importlib.import_module(f"fuzz_{name}")
    atheris.Setup([sys.argv[0], *flags], harness.one_input)
    atheris.Fuzz()


def run(name: str, seconds: str) -> bool:
    """Fuzz in a process of its own; say whether nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        begin, found = Path(folder) / "begin", Path(folder) / "found"
        for made in (begin, found):
            made.mkdir()
        for number, seed in enumerate(seeds(importlib.import_module(f"fuzz_{name}").SEEDS)):
            (begin / str(number)).write_bytes(seed)
        flags = (f"-max_total_time={seconds}", f"-timeout={HANG}", "-rss_limit_mb=1024",
                 f"-max_len={LONGEST}", f"-artifact_prefix={found}/", "-verbosity=0",
                 "-print_final_stats=1")  # fmt: skip
        ended = subprocess.run(
            [sys.executable, __file__, "--here", name, *flags, str(begin)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        inputs = [path.read_bytes() for path in sorted(found.iterdir())]
    tried = re.findall(r"number_of_executed_units: *([0-9]+)", ended.stdout)
    print(f"{name}: {''.join(tried[-1:]) or 'no'} inputs tried, status {ended.returncode}")
    if ended.returncode:
        print(ended.stdout[-4000:], *(f"found by {data!r}" for data in inputs), sep="\n")
    sys.stdout.flush()
    return ended.returncode == 0


def main(words: list[str]) -> int:
    """Return the exit status."""
    if words[:1] == ["--here"]:
        fuzz(words[1], words[2:])
        return 0
    try:
        import atheris  # noqa: F401
    except ImportError as exc:
        print(f"atheris: not here, nothing is fuzzed ({exc})")
        return int("atheris" in os.environ.get("XENPARLEY_REQUIRE", "").split(","))
    seconds = os.environ.get("XENPARLEY_FUZZ_SECONDS", "10")
    results = [run(name, seconds) for name in words or names()]
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
