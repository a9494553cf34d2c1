"""Imports one plugin and lets it register. Each step's failure names its phase."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import pluggy

from xenparley.domain.errors import PluginError
from xenparley.plugin import hooks
from xenparley.plugin.guard import Job
from xenparley.plugin.registrations import Registrations
from xenparley.plugin.spi import SPI_VERSION

__all__ = ["PhaseError", "at_hand", "load", "locate", "name_of", "register", "worded"]


class PhaseError(Exception):
    """A plugin failed; ``phase`` is import, version or register. The cause is its own exception."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase


def at_hand(target: str) -> Any:
    """Return what ``module:name`` names where that runs no code of the module; else None."""
    module, _, name = target.partition(":")
    found = sys.modules.get(module)
    if found is None or getattr(found.__spec__, "_initializing", False):
        return None
    return vars(found).get(name)


def name_of(plugin: object) -> str:
    """Return a name for a plugin that was registered without one: its module's or type's."""
    try:
        name = getattr(plugin, "__name__", None)
    except Exception:  # noqa: BLE001 (a plugin that fails at this is told of when it registers)
        name = None
    return name if isinstance(name, str) and name else type(plugin).__name__


def locate(target: str) -> Any:
    """Import ``module`` or ``module:name``. What that raises is let through."""
    module, _, attributes = target.partition(":")
    found: Any = import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def load(target: str, job: Job[Registrations]) -> Registrations:
    """Import an installed plugin and let it register. Raises PhaseError."""
    job.stage = "import"
    try:
        plugin = locate(target)
    except BaseException as exc:
        raise PhaseError("import", f"importing {target} raised {worded(exc)}") from exc
    return register(plugin, target, job)


def register(plugin: Any, name: str, job: Job[Registrations]) -> Registrations:
    """Check the plugin's SPI version and call its hook. Raises PhaseError.

    Each plugin has a pluggy manager of its own: nothing that one does to its manager or registrar
    is seen by another, and rolling back means dropping both.
    """
    job.stage = "version"
    try:
        _check_version(plugin, name)
    except PhaseError:
        raise
    except BaseException as exc:
        raise PhaseError("version", f"reading xenparley_spi raised {worded(exc)}") from exc
    job.stage = "register"
    registrations = Registrations()
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.hook.xenparley_register.call_historic(kwargs={"registrar": registrations})
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except BaseException as exc:
        own = isinstance(exc, PluginError)  # the registrar's own words need no introduction
        text = worded(exc) if own else f"registering raised {worded(exc)}"
        raise PhaseError("register", text) from exc
    finally:
        registrations.seal()
    if registrations.error is not None:
        raise PhaseError("register", str(registrations.error)) from registrations.error
    if not manager.hook.xenparley_register.get_hookimpls():
        raise PhaseError(
            "register",
            f"{name} has no hook: a function xenparley_register(registrar), "
            "marked with xenparley.plugin.hooks.hookimpl",
        )
    return registrations


def worded(exc: BaseException) -> str:
    """Word an exception in one line: its type and text."""
    if isinstance(exc, PluginError):
        return str(exc)
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 (a foreign exception may fail to word itself)
        text = "(an exception that cannot be printed)"
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _check_version(plugin: Any, name: str) -> None:
    ours = f"{SPI_VERSION[0]}.{SPI_VERSION[1]}"
    declared = getattr(plugin, "xenparley_spi", None)
    if declared is None:
        raise PhaseError(
            "version",
            f"{name} does not declare the plugin interface that it was written for; "
            f"this xenparley has {ours}: add `xenparley_spi = {SPI_VERSION}` to it",
        )
    if (
        not isinstance(declared, tuple)
        or len(declared) != 2
        or not all(isinstance(part, int) and part >= 0 for part in declared)
    ):
        raise PhaseError("version", f"xenparley_spi is not a pair of numbers: {declared!r:.80}")
    theirs = f"{declared[0]}.{declared[1]}"
    if declared[0] != SPI_VERSION[0]:
        older = declared[0] < SPI_VERSION[0]
        help_text = f"a newer {name} is needed" if older else "a newer xenparley is needed"
        raise PhaseError(
            "version",
            f"{name} was written for plugin interface {theirs}, this xenparley has {ours}: "
            f"{help_text}",
        )
    if declared[1] > SPI_VERSION[1]:
        raise PhaseError(
            "version",
            f"{name} needs plugin interface {theirs}, this xenparley has {ours} only: "
            "a newer xenparley is needed",
        )
