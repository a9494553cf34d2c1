"""The page about the simulated host is run, and says what the code says."""

from pathlib import Path

from support.docs import run_page
from xenparley.domain.identity import MAX_DOMID
from xenparley_sim import Timing
from xenparley_sim.faults import KINDS
from xenparley_sim.xenstored_build import CHOICES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulated-host.md"


def test_its_examples_run(tmp_path):
    assert run_page(PAGE, tmp_path)["python"] == 5


def test_every_choice_of_a_daemon_is_on_it():
    text = PAGE.read_text()
    for word in CHOICES:
        assert f"`{word}`" in text.partition("### With Xen's own xenstored")[2], word


def test_every_fault_is_on_it():
    text = PAGE.read_text()
    for kind in KINDS:
        assert f"| `{kind}` |" in text, kind


def test_its_numbers_are_the_codes():
    text = PAGE.read_text()
    timing = Timing()
    assert f"wrap at {MAX_DOMID}" in text
    assert f"obeyed after {timing.obey} s" in text
    assert f"reason for {timing.linger} s, then dying for {timing.dying} s" in text
    assert timing.load == 0.25
    assert timing.balloon_kib_s == 1 << 20
