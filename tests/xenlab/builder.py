"""Build the host: packages once per set of versions, the image once per set of files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from xenlab.inputs import Inputs, base_key, gather, image_key
from xenlab.locks import die_with_parent, wait_lock
from xenlab.needs import missing_for_build
from xenlab.places import HERE, LabError, Missing, Places

__all__ = ["build", "wanted"]

LIMIT = 1200.0  # seconds for one recipe, downloads included
# everything the recipe starts or mounts ends with it
ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def wanted(places: Places, peers: bool) -> Path:
    """Return the folder of the image that fits today's inputs, built or not."""
    return places.root / "image" / image_key(gather(peers))


def _run(script: str, environment: dict[str, str]) -> None:
    command = [*ALONE, "bash", str(HERE / "recipe" / script)]
    child = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        status = child.wait(LIMIT)
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"{script} did not end within {LIMIT:.0f} s") from exc
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if status != 0:
        raise LabError(f"{script} failed with status {status}: its last lines are above")


def _stage(script: str, target: Path, environment: dict[str, str]) -> None:
    """Fill a folder by a recipe; it gets its name only when complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        _run(script, {"OUT": str(partial), **environment})
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prune(kind: Path) -> None:
    """Keep the two newest builds (with and without peers) and drop what killed builds left.

    A machine that runs keeps its files open. The caller holds the lock.
    """
    builds = [entry for entry in kind.iterdir() if not entry.name.startswith(".partial-")]
    builds.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for old in [*kind.glob(".partial-*"), *builds[2:]]:
        shutil.rmtree(old, ignore_errors=True)


def _stages(places: Places, inputs: Inputs, image: Path) -> None:
    base = places.root / "base" / base_key(inputs)
    if not base.is_dir():
        with tempfile.NamedTemporaryFile("w", suffix=".list") as listing:
            listing.write("\n".join(inputs.sources) + "\n")
            listing.flush()
            words = {"SOURCES": listing.name, "PACKAGES": ",".join(inputs.packages)}
            _stage("base.sh", base, {**words, "PEERS": str(int(inputs.peers))})
    _stage("image.sh", image, {"BASE": str(base)})
    _prune(base.parent)
    _prune(image.parent)


def build(places: Places, *, peers: bool = False, fresh: bool = False) -> Path:
    """Return the image's folder, building what is not there.

    :param peers: with libvirt and pyxs, which only the benchmarks need.
    :param fresh: build anew even if nothing changed.
    :raises Missing: this machine lacks something.
    :raises LabError: a recipe failed.
    """
    lacks = missing_for_build()
    if lacks:
        raise Missing("the lab needs " + ", ".join(lacks))
    inputs = gather(peers)
    image = places.root / "image" / image_key(inputs)
    with wait_lock(places.root / "build.lock", "waiting for another build"):
        if fresh:
            shutil.rmtree(places.root / "base" / base_key(inputs), ignore_errors=True)
            shutil.rmtree(image, ignore_errors=True)
        if not image.is_dir():
            begun = time.monotonic()
            _stages(places, inputs, image)
            print(f"built {image} in {time.monotonic() - begun:.1f} s", flush=True)
    return image
