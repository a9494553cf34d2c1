"""The list of all checks: what each is about, and the function to call."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from xenparley.negotiation.capability import Capability
from xenparley_testing.bench import Bench
from xenparley_testing.subject import Subject

__all__ = ["CHECKS", "Check", "check", "law"]


@frozen
class Check:
    """One check. ``capability`` None: about the channel itself.

    ``function(subject)`` raises ContractBroken, NotOffered or NotMade; for a *law* it is
    ``function(subject, capability)``, since the same holds for many capabilities.
    """

    name: str
    function: Callable[..., None]
    capability: Capability | None = None
    is_law: bool = False

    @property
    def label(self) -> str:
        """``pause``, or ``stale_guest[destroy]`` for a law."""
        return (
            f"{self.name}[{self.capability.value}]"
            if self.is_law and self.capability
            else (self.name)
        )

    def __call__(self, subject: Subject) -> None:
        """Run it. Raises ContractBroken, NotOffered or NotMade."""
        if self.is_law:
            self.function(subject, self.capability)
        else:
            self.function(subject)


#: All checks in the order of their definition; filled by importing ``xenparley_testing.checks``.
CHECKS: list[Check] = []


def check(
    capability: Capability | None = None,
) -> Callable[[Callable[[Bench], None]], Callable[[Subject], None]]:
    """Turn ``check_name(bench)`` into the public ``check_name(subject)`` and list it."""

    def register(body: Callable[[Bench], None]) -> Callable[[Subject], None]:
        def run(subject: Subject) -> None:
            with Bench(subject, capability) as bench:
                body(bench)

        _dress(run, body)
        CHECKS.append(Check(body.__name__.removeprefix("check_"), run, capability))
        return run

    return register


def law(
    capabilities: Iterable[Capability],
) -> Callable[[Callable[[Bench, Capability], None]], Callable[[Subject, Capability], None]]:
    """The same for ``check_name(bench, capability)``, which holds for many capabilities."""
    members = tuple(capabilities)

    def register(
        body: Callable[[Bench, Capability], None],
    ) -> Callable[[Subject, Capability], None]:
        def run(subject: Subject, capability: Capability) -> None:
            with Bench(subject, capability) as bench:
                body(bench, capability)

        _dress(run, body)
        name = body.__name__.removeprefix("check_")
        CHECKS.extend(Check(name, run, member, is_law=True) for member in members)
        return run

    return register


def _dress(run: Callable[..., None], body: Callable[..., None]) -> None:
    run.__name__ = body.__name__
    run.__qualname__ = body.__qualname__
    run.__module__ = body.__module__
    run.__doc__ = body.__doc__
