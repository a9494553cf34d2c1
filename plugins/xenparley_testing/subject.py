"""What an adapter's author hands to the kit: the adapter, its peer, and how to upset that peer."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from attrs import evolve, field, frozen

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.guest import GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley.plugin.spi import AdapterSpec, Channel, ChannelContext
from xenparley.plugin.uri import parse_uri

__all__ = ["DEFAULT_CDROM", "DEFAULT_TEMPLATE", "FAULTS", "Fault", "Faults", "Limits", "Subject"]

#: Starts a fault when entered, ends it when left. The capability says which call comes next.
Fault = Callable[[Capability], AbstractContextManager[object]]

#: The faults by name, and what the peer does.
FAULTS: Mapping[str, str] = {
    "stall": "takes the request and never answers",
    "drop": "takes the request and closes the connection without an answer",
    "absent": "is not there: the connection is refused",
    "refuse": "denies this user access",
    "garble": "answers bytes that make no sense",
}


@frozen(kw_only=True)
class Faults:
    """How to upset the peer, as far as the author can.

    ``stall``, ``drop``, ``absent``, ``refuse`` and ``garble`` are described in :data:`FAULTS`.
    ``sent`` counts the commands of a capability that reached the peer since it was made (not
    the reads that went before them). ``without`` says of a fault (or of ``sent``) in words why it
    can't be made; one that is neither given nor explained is a :class:`ContractWarning`.
    """

    stall: Fault | None = None
    drop: Fault | None = None
    absent: Fault | None = None
    refuse: Fault | None = None
    garble: Fault | None = None
    sent: Callable[[Capability], int] | None = None
    without: Mapping[str, str] = field(factory=dict)

    def named(self, name: str) -> Fault | None:
        """Return the fault of this name, None when it can't be made."""
        return cast("Fault | None", getattr(self, name))


@frozen(kw_only=True)
class Limits:
    """Times in seconds, and numbers.

    ``call``: the deadline of ordinary calls. ``stall``: the deadline given to a peer that hangs.
    ``slack``: how late a call may return. ``settle``: how long an accepted command may take to
    show. ``quiet``: how long nothing must be heard of a closed subscription.
    """

    call: float = 10.0
    stall: float = 0.05
    slack: float = 5.0
    settle: float = 2.0
    quiet: float = 0.02
    threads: int = 4
    rounds: int = 5


#: A small paravirtualised guest; name and UUID are set anew for each guest that is made.
DEFAULT_TEMPLATE = GuestConfig(
    name="contract",
    memory_kib=128 * 1024,
    max_memory_kib=256 * 1024,
    vcpus=Vcpus(maximum=2),
    boot=Boot(virt="pv", kernel="/boot/vmlinuz-guest"),
    disks=(Disk(target="xvda", source=DiskSource(path="/var/lib/xen/images/contract.img")),),
    interfaces=(Interface(source="xenbr0", mac="00:16:3e:00:00:01"),),
)
#: A fully virtualised guest with a CD-ROM drive, for ``change-media``.
DEFAULT_CDROM = evolve(
    DEFAULT_TEMPLATE,
    boot=Boot(virt="hvm", devices=("cdrom", "hd")),
    disks=(
        Disk(target="hda", source=DiskSource(path="/var/lib/xen/images/contract.img")),
        Disk(
            target="hdc",
            device="cdrom",
            readonly=True,
            source=DiskSource(path="/var/lib/xen/images/contract.iso"),
        ),
    ),
)


def _image_path(name: str) -> str:
    return str(Path(tempfile.gettempdir()) / name)


@frozen(kw_only=True)
class Subject:
    """One adapter against one peer (a simulated host, a recorded one, a real one).

    ``make_channel`` returns a new channel to the peer. Guests are made through the channel where
    it offers ``create`` and ``destroy`` (``define`` and ``undefine`` for definitions), else by
    ``make_guest(config)``, which returns domain id and handle of a guest that it started, and
    ``remove_guest``; ``define_guest`` and ``undefine_guest`` for definitions. ``observe`` returns
    what there is of a living guest (None: gone), for a channel that lists none itself.

    ``template`` and ``cdrom_template`` are configurations that the back end takes.
    ``unholdable`` lists the odd names (of :data:`ODD_NAMES <xenparley_testing.names.ODD_NAMES>`)
    that it can't hold; it must then refuse them. ``knows_handles``: the channel can tell which
    handle a domain id has, so it must not act on a stale one. ``guests_obey``: guests answer
    requests (shutdown, balloon) within ``limits.settle``. ``image_path`` maps a file name to an
    absolute path on the Xen host that the peer can write. ``destination`` is a host that takes
    migrations, None when there is none.
    """

    spec: AdapterSpec
    make_channel: Callable[[], Channel]
    make_guest: Callable[[GuestConfig], GuestRef] | None = None
    remove_guest: Callable[[GuestRef], None] | None = None
    define_guest: Callable[[GuestConfig], GuestRef] | None = None
    undefine_guest: Callable[[GuestRef], None] | None = None
    observe: Callable[[GuestRef], GuestRow | None] | None = None
    faults: Faults = Faults()
    limits: Limits = Limits()
    template: GuestConfig = DEFAULT_TEMPLATE
    cdrom_template: GuestConfig = DEFAULT_CDROM
    unholdable: frozenset[str] = frozenset()
    knows_handles: bool = True
    guests_obey: bool = False
    image_path: Callable[[str], str] = _image_path
    remove_image: Callable[[str], None] | None = None
    destination: str | None = None

    @classmethod
    def of(
        cls,
        spec: AdapterSpec,
        uri: str,
        *,
        local: bool = True,
        settings: Mapping[str, str] | None = None,
        **more: object,
    ) -> Subject:
        """Make the subject whose channels are what ``spec.factory`` makes for this URI.

        ``more`` are further attributes of the subject.
        """
        context = ChannelContext(
            adapter=spec.name, uri=parse_uri(uri), local=local, settings=dict(settings or {})
        )

        def make_channel() -> Channel:
            return _factory(spec)(context)

        return cls(spec=spec, make_channel=make_channel, **more)  # type: ignore[arg-type]


def _factory(spec: AdapterSpec) -> Callable[[ChannelContext], Channel]:
    if callable(spec.factory):
        return spec.factory
    module, _, name = spec.factory.partition(":")
    return cast(
        "Callable[[ChannelContext], Channel]", getattr(importlib.import_module(module), name)
    )
