"""Questions about domains: each function is a job for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xenparley.domain.errors import NotFound, ProtocolError, Unsupported
from xenparley_hypercall.transport import LIST
from xenparley_wire.abi.domaininfo import DomainInfoCodec
from xenparley_wire.abi.layout import Layout

if TYPE_CHECKING:
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi, Request
    from xenparley_wire.abi.domaininfo import DomainInfo

__all__ = ["DomainReader", "DomainState", "domain_state"]

#: Records in the first call of a listing; whole hosts nearly always fit.
FIRST_PAGE: Final = 256
#: Records in each further call: as many as there can be domain ids.
NEXT_PAGE: Final = 4096
_LIST_OP: Final = "sysctl.getdomaininfolist"
#: Ids from here on are no domains' (DOMID_FIRST_RESERVED of xen.h).
FIRST_RESERVED: Final = 0x7FF0


class DomainReader:
    """Reads domain records of one hypervisor."""

    def __init__(self, abi: Abi) -> None:
        self.abi = abi
        self._codec = DomainInfoCodec(abi.layout("domctl.getdomaininfo"))
        self._count = abi.layout(_LIST_OP)
        self._count_base = abi.payload_offset(_LIST_OP)
        #: The last request of a first page, and what it was made from: it is nearly always the
        #: same again.
        self._made: tuple[tuple[int, int, int], Request] | None = None

    def listing(self, turn: Turn, first: int = 0, at_most: int | None = None) -> list[DomainInfo]:
        """Return the records of all domains whose id is not below ``first``, by rising id.

        One hypercall for each page; the first takes 256 domains, the others 4096.
        Raises :class:`ProtocolError` if the hypervisor's count can't be true.
        """
        found: list[DomainInfo] = []
        page = FIRST_PAGE if at_most is None else min(at_most, FIRST_PAGE)
        while True:
            records = self._page(turn, first, page)
            if not _rising(records, first):
                raise ProtocolError(
                    f"getdomaininfolist from {first}: the records' ids do not rise",
                    operation=turn.operation,
                )
            found += records
            if len(records) < page or (at_most is not None and len(found) >= at_most):
                return found
            first = records[-1].domain + 1
            page = NEXT_PAGE if at_most is None else min(at_most - len(found), NEXT_PAGE)

    def _page(self, turn: Turn, first: int, count: int) -> list[DomainInfo]:
        buffer = turn.buffer(count * self._codec.size, LIST)
        wanted = (first, count, buffer.address)
        made = self._made
        if made is None or made[0] != wanted:
            values = {"first_domain": first, "max_domains": count, "buffer": buffer.address}
            made = self._made = (wanted, self.abi.request(_LIST_OP, values))
        _, data = turn.ask(made[1])
        got = self._count.get(data, "num_domains", self._count_base)
        if got > count:
            raise ProtocolError(
                f"getdomaininfolist: {got} records where {count} were asked for",
                operation=turn.operation,
            )
        return self._codec.decode(buffer.view[: got * self._codec.size], got)

    def one(self, turn: Turn, domid: int) -> DomainInfo:
        """Return the record of one domain. Raises :class:`NotFound`.

        Up to 4.17 the hypervisor answers for the next id that there is, so the id is compared.
        """
        op = "domctl.getdomaininfo"
        _, data = turn.ask(self.abi.request(op, domain=domid))
        record = self._codec.decode(data[self.abi.payload_offset(op) :], 1)[0]
        exact = self.abi.release >= (4, 18)
        if (
            record.domain < domid
            or record.domain >= FIRST_RESERVED
            or (exact and record.domain != domid)
        ):
            raise ProtocolError(
                f"{turn.operation}: asked for domain {domid}, answered for {record.domain}",
                operation=turn.operation,
                guest=turn.guest,
            )
        if record.domain != domid:
            raise NotFound(
                f"{turn.operation}: no such domain", operation=turn.operation, guest=turn.guest
            )
        return record


def _rising(records: list[DomainInfo], first: int) -> bool:
    ids = [record.domain for record in records]
    if not ids:
        return True
    inside = ids[0] >= first and ids[-1] < FIRST_RESERVED
    return inside and ids == sorted(ids) and len(set(ids)) == len(ids)


class DomainState(NamedTuple):
    """What the stable get_domain_state tells (4.21 and later).

    ``unique_id`` differs between two domains that had the same id one after the other.
    """

    exists: bool
    shutdown: bool
    dying: bool
    dead: bool
    control: bool
    hardware: bool
    xenstore: bool
    unique_id: int


#: The op is stable, so this is its layout on every pair, known or not.
_STATE: Final = Layout("domctl.get_domain_state 90 16 0 state@0:H caps@2:H pad0@4:I unique_id@8:Q")
_STABLE_HEADER: Final = Layout("domctl.header - 144 16 cmd@0:I interface_version@4:I domain@8:H")


def domain_state(turn: Turn, domid: int, version: tuple[int, int]) -> DomainState:
    """Ask for the state of one domain by the stable op (interface version 0, Xen 4.21 on).

    Raises :class:`NotFound`, and :class:`Unsupported` on an older release.
    """
    from xenparley_wire.abi.abi import Request

    if version < (4, 21):
        raise Unsupported("get_domain_state is there from Xen 4.21 on", operation=turn.operation)
    if not 0 <= domid < 0x7FF0:
        # DOMID_INVALID would take xenstored's next state change away from it.
        raise NotFound(f"{domid} is not a domain's id", operation=turn.operation)
    data = bytearray(_STABLE_HEADER.size)
    values = {"cmd": _STATE.cmd or 0, "interface_version": 0, "domain": domid}
    _STABLE_HEADER.pack_into(data, 0, values)
    _, answer = turn.ask(Request(36, (), bytes(data)))
    state = _STATE.get(answer, "state", 16)
    caps = _STATE.get(answer, "caps", 16)
    return DomainState(
        exists=bool(state & 1),
        shutdown=bool(state & 2),
        dying=bool(state & 4),
        dead=bool(state & 8),
        control=bool(caps & 1),
        hardware=bool(caps & 2),
        xenstore=bool(caps & 4),
        unique_id=_STATE.get(answer, "unique_id", 16),
    )
