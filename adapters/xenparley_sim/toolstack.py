"""What the simulated host's toolstack does: define, build, rename, save, restore, move."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
)
from xenparley.domain.events import EventKind
from xenparley.domain.identity import DOM0_HANDLE, canonical_uuid, check_name, printable
from xenparley.domain.runstate import RunFlags
from xenparley_sim import life
from xenparley_sim.configs import config_text, read_config
from xenparley_sim.domain import Domain
from xenparley_sim.hardware import hardware_of
from xenparley_sim.transaction import Definition, Transaction

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig

__all__ = [
    "ACTIONS",
    "build",
    "checked",
    "define",
    "defined_config",
    "domain0_config",
    "live_config",
    "new_uuid",
    "rename",
    "rename_definition",
    "set_autostart",
    "undefine",
]

ACTIONS = frozenset(
    {
        "destroy",
        "restart",
        "rename-restart",
        "preserve",
        "coredump-destroy",
        "coredump-restart",
        "soft-reset",
    }
)
#: A PiB: sizes beyond it are mistakes.
MAX_KIB = 1 << 40
MAX_VCPUS = 4096


def new_uuid() -> str:
    """Return a random UUID (version 4)."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return canonical_uuid(raw.hex())


def checked(config: GuestConfig) -> GuestConfig:
    """Return the configuration with a canonical UUID. InvalidInput: no guest can be made of it."""
    check_name(config.name)
    if config.uuid is not None:
        config = evolve(config, uuid=canonical_uuid(config.uuid))
        if config.uuid == DOM0_HANDLE:
            raise InvalidInput("the UUID of zeros is Domain 0's")
    if not 0 < config.memory_kib <= MAX_KIB or not 0 < config.maximum_kib <= MAX_KIB:
        raise InvalidInput(
            f"a guest needs memory: {config.memory_kib} KiB, at most {config.maximum_kib} KiB"
        )
    if config.memory_kib > config.maximum_kib:
        raise InvalidInput(
            f"memory ({config.memory_kib} KiB) is above the maximum ({config.maximum_kib} KiB)"
        )
    if not 1 <= config.vcpus_online <= config.vcpus.maximum <= MAX_VCPUS:
        raise InvalidInput(
            f"{config.vcpus_online} of {config.vcpus.maximum} virtual CPUs online makes no guest"
        )
    if config.virt not in ("pv", "hvm", "pvh"):
        raise InvalidInput(f"not a kind of guest: {printable(config.virt, limit=40)!r}")
    if not 1 <= (config.vcpus.weight or 256) <= 65535 or not 0 <= (config.vcpus.cap or 0) <= 409600:
        raise InvalidInput("weight is 1 to 65535, cap 0 to 100 for each virtual CPU")
    for action in _actions(config):
        if action not in ACTIONS:
            raise InvalidInput(f"not a lifecycle action: {printable(action, limit=40)!r}")
    return config


def _actions(config: GuestConfig) -> tuple[str, str, str, str, str]:
    return (
        config.on_poweroff or "destroy",
        config.on_reboot or "restart",
        config.on_crash or "destroy",
        config.on_watchdog or config.on_crash or "destroy",
        config.on_soft_reset or "soft-reset",
    )


# Definitions


def define(tx: Transaction, config: GuestConfig, cpus: int) -> Definition:
    """Add a definition, or replace the one with its UUID (without one: with its name)."""
    config = checked(config)
    hardware_of(config, cpus)
    same_name = tx.definition(name=config.name)
    if config.uuid is None:
        config = evolve(config, uuid=same_name.uuid if same_name else new_uuid())
    uuid = config.uuid
    assert uuid is not None
    if same_name is not None and same_name.uuid != uuid:
        raise AlreadyExists(
            f"the name {printable(config.name)} is defined for {same_name.uuid} already"
        )
    old = tx.definition(uuid=uuid)
    autostart = config.autostart
    if autostart is None:
        autostart = bool(old.autostart) if old else False
    config = evolve(config, domid=None, autostart=autostart)
    made = Definition(
        uuid,
        config.name,
        config.virt,
        config.memory_kib,
        config.maximum_kib,
        config.vcpus_online,
        config.vcpus.maximum,
        int(autostart),
    )
    tx.put_definition(made)
    tx.put_document(f"d:{uuid}", config_text(config))
    kind = EventKind.REDEFINED if old else EventKind.DEFINED
    tx.record(kind.value, domid=None, uuid=uuid, name=config.name)
    return made


def defined_config(tx: Transaction, definition: Definition) -> GuestConfig:
    """Return a definition's configuration."""
    text = tx.document(f"d:{definition.uuid}")
    if text is None:
        raise OperationFailed(f"the definition of {definition.uuid} has lost its configuration")
    return read_config(text)


def undefine(tx: Transaction, definition: Definition) -> None:
    """Remove a definition; a living guest goes on."""
    tx.drop_definition(definition.uuid)
    tx.record(EventKind.UNDEFINED.value, domid=None, uuid=definition.uuid, name=definition.name)


def set_autostart(tx: Transaction, definition: Definition, enabled: bool) -> None:
    """Change whether the host starts the guest when it boots."""
    if bool(definition.autostart) == enabled:
        return
    config = evolve(defined_config(tx, definition), autostart=enabled)
    tx.put_definition(definition._replace(autostart=int(enabled)))
    tx.put_document(f"d:{definition.uuid}", config_text(config))
    tx.record(EventKind.REDEFINED.value, domid=None, uuid=definition.uuid, name=definition.name)


# Living guests


def live_config(tx: Transaction, domain: Domain) -> GuestConfig:
    """Return what a living guest runs with; sizes and name are those of now."""
    text = tx.document(f"c:{domain.domid}")
    if text is None:
        raise NotFound(f"domain {domain.domid} was made without a configuration")
    config = read_config(text)
    vcpus = evolve(
        config.vcpus,
        current=None if domain.vcpus == config.vcpus.maximum else domain.vcpus,
    )
    maximum = None if domain.max_kib < 0 else domain.max_kib
    if config.max_memory_kib is None and maximum == domain.target_kib:
        maximum = None
    return evolve(
        config,
        name=domain.name,
        uuid=domain.handle,
        domid=domain.domid,
        memory_kib=domain.target_kib,
        max_memory_kib=maximum,
        vcpus=vcpus,
    )


def domain0_config(domain: Domain) -> GuestConfig:
    """Return what can be said of Domain 0, which no configuration made."""
    from xenparley.domain.config import GuestConfig, Vcpus

    return GuestConfig(
        name=domain.name,
        uuid=domain.handle,
        domid=0,
        memory_kib=domain.target_kib,
        max_memory_kib=None if domain.max_kib < 0 else domain.max_kib,
        vcpus=Vcpus(maximum=domain.max_vcpus, current=domain.vcpus),
    )


def build(
    tx: Transaction,
    config: GuestConfig,
    *,
    paused: bool,
    cpus: int,
    free_kib: Callable[[Transaction], int],
    obedient: bool = True,
) -> Domain:
    """Make a living guest, as the hypervisor would: it looks at no name and no UUID."""
    config = checked(config)
    if free_kib(tx) < config.memory_kib:
        raise OperationFailed(
            f"not enough free memory: {config.memory_kib} KiB asked, {free_kib(tx)} KiB free"
        )
    hardware = hardware_of(config, cpus)
    uuid = config.uuid or new_uuid()
    config = evolve(config, uuid=uuid, domid=None, interfaces=hardware.named(config.interfaces))
    domain = Domain(
        domid=tx.next_domid(),
        handle=uuid,
        name=config.name,
        virt=config.virt,
        pauses=int(paused),
        reason=None,
        dying=0,
        activity=int(RunFlags.BLOCKED),
        started=tx.now,
        since=tx.now,
        cpu_ns=0,
        memory_kib=config.memory_kib,
        target_kib=config.memory_kib,
        max_kib=config.maximum_kib,
        held_kib=0,
        boot_kib=config.memory_kib,
        vcpus=config.vcpus_online,
        max_vcpus=config.vcpus.maximum,
        boot_vcpus=config.vcpus_online,
        weight=config.vcpus.weight or 256,
        cap=config.vcpus.cap or 0,
        request=None,
        obedient=int(obedient),
        actions=",".join(_actions(config)),
        after=None,
        cause=None,
    )
    tx.insert(domain)
    tx.put_document(f"c:{domain.domid}", config_text(config))
    tx.put_document(f"h:{domain.domid}", hardware.text())
    life.announce(tx, domain)
    return domain


def check_not_living(tx: Transaction, name: str, uuid: str | None) -> None:
    """Raise AlreadyExists when a living guest (dying ones aside) has the name or the UUID."""
    if tx.by_name(name):
        raise AlreadyExists(f"a guest named {printable(name)} is living already")
    if uuid is not None and any(not d.dying for d in tx.by_handle(uuid)):
        raise AlreadyExists(f"a guest with UUID {uuid} is living already")


def rename(tx: Transaction, domain: Domain, name: str) -> None:
    """Give a living guest another name, and its definition too when that had the old one."""
    check_name(name)
    if domain.name == name:
        return
    if tx.by_name(name):
        raise AlreadyExists(f"a guest named {printable(name)} is living already")
    if domain.dying:
        raise InvalidState(f"domain {domain.domid} is dying", phase=domain.phase.value)
    definition = tx.definition(uuid=domain.handle)
    if definition is not None and definition.name == domain.name:
        rename_definition(tx, definition, name)
    elif (other := tx.definition(name=name)) is not None and other.uuid != domain.handle:
        raise AlreadyExists(f"the name {printable(name)} is defined for {other.uuid}")
    old, domain.name = domain.name, name
    tx.put(domain)
    tx.note(EventKind.RENAMED.value, domain, old)


def rename_definition(tx: Transaction, definition: Definition, name: str) -> None:
    """Give a definition another name. AlreadyExists: another one has it."""
    check_name(name)
    other = tx.definition(name=name)
    if other is not None and other.uuid != definition.uuid:
        raise AlreadyExists(f"the name {printable(name)} is defined for {other.uuid} already")
    config = evolve(defined_config(tx, definition), name=name)
    tx.put_definition(definition._replace(name=name))
    tx.put_document(f"d:{definition.uuid}", config_text(config))
    tx.record(
        EventKind.REDEFINED.value,
        domid=None,
        uuid=definition.uuid,
        name=name,
        detail=definition.name,
    )
