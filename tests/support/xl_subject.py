"""The xl adapter over a fake xl, as the contract kit's subject."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from xenparley.negotiation.capability import Capability
from xenparley_sim.xl_fake import FakeXl
from xenparley_testing import Faults, Limits, Subject
from xenparley_xl.plugin import SPEC

C = Capability
#: The subcommand that carries each command.
SUBCOMMANDS = {
    C.CREATE: ("create",),
    C.PAUSE: ("pause",),
    C.UNPAUSE: ("unpause",),
    C.SHUTDOWN: ("shutdown",),
    C.REBOOT: ("reboot",),
    C.DESTROY: ("destroy",),
    C.RENAME: ("rename",),
    C.TRIGGER: ("trigger",),
    C.SET_MEMORY_TARGET: ("mem-set",),
    C.SET_MEMORY_MAXIMUM: ("mem-max",),
    C.SET_VCPUS: ("vcpu-set",),
    C.PIN_VCPU: ("vcpu-pin",),
    C.SET_SCHEDULER_PARAMETERS: ("sched-credit", "sched-credit2"),
    C.ATTACH_DEVICE: ("block-attach",),
    C.DETACH_DEVICE: ("block-detach",),
    C.CHANGE_MEDIA: ("cd-insert", "cd-eject"),
    C.SAVE: ("save",),
    C.RESTORE: ("restore",),
    C.DUMP: ("dump-core",),
    C.MIGRATE: ("migrate",),
}


def settings_of(fake):
    return {"path": str(fake.path), "root": str(fake.root)}


@contextmanager
def fake_xl(folder, release=(4, 17), **more):
    fake = FakeXl(folder, release, **more)
    try:
        yield fake
    finally:
        fake.close()


def _changes(call):
    """Say whether a run changed something: sched-... also reads."""
    return not call[0].startswith("sched-") or len(call) > 3


@contextmanager
def xl_subject(folder, release=(4, 17)):
    """Give the subject of a new fake xl."""
    with fake_xl(folder, release) as fake:

        def sent(capability):
            words = SUBCOMMANDS.get(capability, ())
            return sum(call[:1] and call[0] in words and _changes(call) for call in fake.calls())

        def fault(kind):
            def at(capability):
                # What a command prints means nothing: there the looks before it are garbled. A
                # guest that runs is not unpaused at all.
                if kind == "garble" or capability is C.UNPAUSE:
                    return fake.fault(kind)
                return fake.fault(kind, *SUBCOMMANDS.get(capability, ()))

            return at

        @contextmanager
        def absent(capability):
            away = fake.path.with_suffix(".away")
            fake.path.replace(away)
            try:
                yield
            finally:
                away.replace(fake.path)

        yield Subject.of(
            SPEC,
            "xen:///",
            settings=settings_of(fake),
            faults=Faults(
                stall=fault("hang"),
                drop=fault("crash"),
                absent=absent,
                refuse=fault("refuse"),
                garble=fault("garble"),
                sent=sent,
            ),
            limits=Limits(call=30.0, stall=1.5, settle=5.0, slack=20.0, threads=2, rounds=1),
            guests_obey=True,
            image_path=lambda name: str(folder / name),
            remove_image=lambda path: Path(path).unlink(missing_ok=True),
        )
