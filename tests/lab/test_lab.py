"""The lab's own parts, without booting anything: keys, messages, the agent and its client."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import pytest

from xenlab import builder, client, inputs, needs
from xenlab.inputs import Inputs, key_of
from xenlab.locks import held, try_lock
from xenlab.machine import Machine
from xenlab.places import HERE, LabError, Missing, Places

TOKEN = "0123"


def test_a_key_changes_with_each_input_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / "init"
    file.write_text("one")
    key = key_of(["a", "b"], [file])
    assert key_of(["a", "b"], [file]) == key
    changed = {key_of(["ab"], [file]), key_of(["b", "a"], [file]), key_of(["a", "b"])}
    file.write_text("two")
    changed.add(key_of(["a", "b"], [file]))
    file.write_text("one")
    file.chmod(0o755)
    changed.add(key_of(["a", "b"], [file]))
    assert key not in changed
    assert len(changed) == 5


@pytest.mark.parametrize("field", ["sources", "versions", "packages"])
def test_packages_make_another_base_and_image(field: str) -> None:
    facts = {"sources": ("deb x",), "versions": ("1",), "packages": ("xl",)}
    before = Inputs(**facts, peers=False)
    after = Inputs(**{**facts, field: ("other",)}, peers=False)
    assert inputs.base_key(before) != inputs.base_key(after)
    assert inputs.image_key(before) != inputs.image_key(after)


def test_an_unchanged_build_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Inputs(("deb x",), ("1",), ("xl",), peers=False)
    monkeypatch.setattr(builder, "gather", lambda _peers: facts)
    monkeypatch.setattr(builder, "missing_for_build", list)
    image = tmp_path / "image" / inputs.image_key(facts)
    image.mkdir(parents=True)
    assert builder.build(Places(tmp_path)) == image
    assert not (tmp_path / "base").exists()


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "_release", lambda: "debian-12")
    monkeypatch.setattr(needs, "absent_packages", lambda: ["mmdebstrap", "cpio"])
    monkeypatch.setattr(needs.shutil, "which", lambda _name: "/usr/bin/apt-get")
    with pytest.raises(Missing, match=r"mmdebstrap cpio \(`lab deps --install`\)"):
        builder.build(Places(tmp_path))
    monkeypatch.setattr(needs, "_release", lambda: "fedora-40")
    with pytest.raises(Missing, match="Debian 12"):
        builder.build(Places(tmp_path))


def test_the_command_prints_its_packages() -> None:
    words = [sys.executable, str(HERE / "lab"), "deps"]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert done.stdout.split() == list(needs.PACKAGES)


def test_a_lock_tells_its_holder_from_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not held(path)
    code = f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n" + (
        f"import time; from pathlib import Path; from xenlab.locks import try_lock\n"
        f"fd = try_lock(Path({str(path)!r})); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert held(path)
        assert try_lock(path) is None
        holder.kill()
        holder.wait()
    assert not held(path)


def test_a_machine_that_does_not_run(tmp_path: Path) -> None:
    machine = Machine(Places(tmp_path), "none")
    assert not machine.running()
    assert not machine.stop()
    with pytest.raises(LabError, match="lab start"):
        machine.run("true")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """dom0's agent, served from here."""
    spec = util.spec_from_file_location("lab_agent", HERE / "dom0" / "agent.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    secret = tmp_path / "token"
    secret.write_text(TOKEN, encoding="ascii")
    monkeypatch.setattr(module, "TOKEN", secret)
    monkeypatch.setattr(module, "BEAT", 0.1)
    monkeypatch.setattr(module, "HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=module.answer, args=(link,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def ask(port: int, command: str, **options: object) -> tuple[int, bytes, bytes]:
    out = {False: b"", True: b""}

    def sink(is_error: bool, data: bytes) -> None:
        out[is_error] += data

    status = client.run(port, TOKEN, command, sink=sink, **options)  # type: ignore[arg-type]
    return status, out[False], out[True]


def test_output_input_and_status_come_through(agent: int) -> None:
    assert ask(agent, "cat; echo no >&2; exit 7", stdin="héllo") == (7, "héllo".encode(), b"no\n")
    assert ask(agent, "kill -9 $$")[0] == 128 + 9


def test_large_output_comes_whole(agent: int) -> None:
    status, out, _ = ask(agent, "head -c 3000000 /dev/zero")
    assert (status, len(out)) == (0, 3_000_000)


def test_a_command_ends_at_its_limit_with_its_children(agent: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    status, _, _ = ask(agent, f"(sleep 2; touch {mark}) & sleep 60", limit=0.5)
    assert status == 124
    time.sleep(2.5)
    assert not mark.exists()


def test_a_quiet_command_is_no_hang(agent: int) -> None:
    assert ask(agent, "sleep 1.5", silence=1.0)[0] == 0


def test_a_wrong_token_is_refused(agent: int) -> None:
    assert client.run(agent, "wrong", "true", sink=lambda *_: None) == 126


def test_silence_is_a_hang() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(client.Hung, match="no sign of life"):
            client.run(port, TOKEN, "true", silence=0.3)


def test_a_lost_connection_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut() -> None:
            link, _ = server.accept()
            with link:
                assert json.loads(link.makefile("rb").readline())["command"] == "true"

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(client.Hung):
            client.run(server.getsockname()[1], TOKEN, "true")
        thread.join()
