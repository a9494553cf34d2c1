"""The first moment of a simulated host: its facts, and Domain 0."""

from __future__ import annotations

from xenparley.domain.identity import DOM0_HANDLE
from xenparley.domain.runstate import RunFlags
from xenparley_sim.domain import UNLIMITED_KIB, Domain
from xenparley_sim.facts import HostFacts
from xenparley_sim.facts_text import facts_text
from xenparley_sim.transaction import Transaction

__all__ = ["fill"]


def fill(tx: Transaction, facts: HostFacts) -> None:
    """Write the host's facts and Domain 0 into new tables."""
    tx.sql.execute(
        "INSERT INTO host (one, next_domid, held_kib, release, facts) VALUES (0, 1, 0, ?, ?)",
        (facts.release, facts_text(facts)),
    )
    tx.insert(
        Domain(
            domid=0,
            handle=DOM0_HANDLE,
            name="Domain-0",
            virt="pv",
            pauses=0,
            reason=None,
            dying=0,
            activity=int(RunFlags.RUNNING),
            started=tx.now,
            since=tx.now,
            cpu_ns=0,
            memory_kib=facts.dom0_kib,
            target_kib=facts.dom0_kib,
            max_kib=UNLIMITED_KIB,
            held_kib=0,
            boot_kib=facts.dom0_kib,
            vcpus=facts.dom0_vcpus,
            max_vcpus=facts.dom0_vcpus,
            boot_vcpus=facts.dom0_vcpus,
            weight=256,
            cap=0,
            request=None,
            obedient=0,
            actions="destroy,restart,destroy,destroy,soft-reset",
            after=None,
            cause=None,
        )
    )
