"""On xenparley's simulated host."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from orchestrator.plan import read_plan
from orchestrator.program import main
from orchestrator.rounds import bring_about

import xenparley
from xenparley.domain.config import Boot, GuestConfig

GUEST = {"memory_mib": 64, "kernel": "/boot/vmlinuz"}


def wanted(tmp_path, **guests):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"sim:": guests}))
    return read_plan(path)["sim:"]


def test_a_host_is_brought_to_the_plan_and_left_there(xen_host, tmp_path):
    plan = wanted(tmp_path, web=GUEST, db={**GUEST, "vcpus": 2, "state": "stopped"})
    assert [str(told) for told in bring_about(xen_host, plan)] == [
        "web: defined, started",
        "db: defined",
    ]
    assert xen_host.find("web").living
    assert xen_host.config("db").vcpus.maximum == 2
    assert bring_about(xen_host, plan) == []


def test_what_changed_is_mended(xen_host, simulated_xen, tmp_path):
    plan = wanted(tmp_path, web=GUEST, db={**GUEST, "state": "stopped"})
    bring_about(xen_host, plan)
    xen_host.pause("web")
    xen_host.start("db")
    assert [str(told) for told in bring_about(xen_host, plan)] == ["web: started", "db: stopped"]
    assert xen_host.find("web").phase is xenparley.Phase.ACTIVE
    assert [d.domid for d in simulated_xen.domains() if d.domid] == [xen_host.find("web").domid]


def test_what_is_not_in_the_plan_is_removed_if_it_was_in_one(xen_host, tmp_path):
    xen_host.define(GuestConfig(name="others", memory_kib=65536, boot=Boot(kernel="/k")))
    bring_about(xen_host, wanted(tmp_path, web=GUEST))
    assert [str(told) for told in bring_about(xen_host, [])] == ["web: stopped, removed"]
    assert [guest.name for guest in xen_host.list(all=True)] == ["Domain-0", "others"]


def test_the_program(tmp_path, capsys):
    uri = f"sim:{tmp_path}/host"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({uri: {"web": GUEST}, "nowhere:": {"web": GUEST}}))
    assert main([str(path)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{uri}: web: defined, started"
    assert second.startswith("nowhere:: ")
    path.write_text(json.dumps({uri: {"web": GUEST}}))
    command = [
        sys.executable,
        "-c",
        "from orchestrator.program import main; raise SystemExit(main())",
    ]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"sim:": {"a": {}}}', '{"sim:": {"a": {"memory_mib": -1}}}']
)
def test_a_wrong_plan_is_told(tmp_path, capsys, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert str(path) in capsys.readouterr().err
