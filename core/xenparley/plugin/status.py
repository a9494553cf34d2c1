"""What became of a plugin, for people and programs."""

from __future__ import annotations

from typing import NamedTuple

from xenparley.domain.errors import PluginError
from xenparley.domain.identity import printable
from xenparley.plugin.guard import Job
from xenparley.plugin.loader import PhaseError
from xenparley.plugin.registrations import Registrations

__all__ = ["Candidate", "PluginStatus", "judged", "plugin_error"]


class PluginStatus(NamedTuple):
    """What became of one plugin.

    ``state`` is ``loaded``, ``blocked`` (by a list of names), ``failed`` or ``quarantined`` (it
    never returned). ``phase`` says where it failed: discover, import, version, register or
    conflict. ``error`` words it; ``exception`` is the plugin's own, where there was one.
    ``distribution`` is None for a plugin that was registered by hand. ``provides`` lists what it
    registered: ``adapter xenstore``, ``scheme xen``.
    """

    name: str
    distribution: str | None = None
    version: str | None = None
    state: str = "loaded"
    phase: str | None = None
    error: str | None = None
    provides: tuple[str, ...] = ()
    exception: BaseException | None = None


class Candidate:
    """A status, and the registrations that count when no other plugin has their names."""

    __slots__ = ("registrations", "status")

    def __init__(self, status: PluginStatus, registrations: Registrations | None = None) -> None:
        self.status = status
        self.registrations = registrations

    def failed(self, phase: str, error: str) -> Candidate:
        """Return the same plugin as failed, with nothing registered."""
        return Candidate(
            self.status._replace(state="failed", phase=phase, error=error, provides=())
        )


def judged(job: Job[Registrations], status: PluginStatus, timeout: float) -> Candidate:
    """Return what a job that loaded a plugin came to."""
    if job.abandoned:
        text = f"did not return within {timeout:g} s; it is left alone"
        return Candidate(status._replace(state="quarantined", phase=job.stage, error=text))
    if job.error is not None:
        phase = job.error.phase if isinstance(job.error, PhaseError) else job.stage
        return Candidate(
            status._replace(
                state="failed",
                phase=phase,
                error=str(job.error),
                exception=job.error.__cause__ or job.error,
            )
        )
    assert job.result is not None
    return Candidate(status._replace(state="loaded", provides=job.result.provides), job.result)


def plugin_error(status: PluginStatus) -> PluginError:
    """Return the error that tells of a plugin which failed; the caller chains its exception."""
    who = f"plugin {printable(status.name)!r}"
    if status.distribution:
        who += f" of {' '.join(filter(None, (status.distribution, status.version)))}"
    return PluginError(f"{who} ({status.phase}): {printable(status.error or status.state)}")
