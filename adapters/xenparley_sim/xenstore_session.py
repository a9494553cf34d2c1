"""One client of the simulated XenStore daemon: its requests in, its answers and events out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import XenparleyError
from xenparley_wire.xenstore import Decoder, encode
from xenparley_wire.xenstore_paths import check_path, check_watch_path
from xenparley_wire.xenstore_replies import permissions as parse_permissions
from xenparley_wire.xenstore_types import PAYLOAD_MAX, Feature, Message, MessageType

from .xenstore_store import Quota, Store, StoreFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHANGING", "OCAML", "Dialect", "Session"]

_OK = b"OK\0"
_PART_NAMES = Quota._fields
_ANSWER_MAX = 1 << 30
#: What the read-only socket refuses.
CHANGING = frozenset(
    {
        MessageType.WRITE,
        MessageType.MKDIR,
        MessageType.RM,
        MessageType.SET_PERMS,
        MessageType.INTRODUCE,
        MessageType.RELEASE,
        MessageType.RESUME,
        MessageType.SET_TARGET,
        MessageType.CONTROL,
        MessageType.SET_FEATURE,
        MessageType.SET_QUOTA,
    }
)


class Dialect(NamedTuple):
    """How daemons differ. The defaults are the C daemon's."""

    #: Longest answer; beyond it E2BIG. None: any length (oxenstored on a socket).
    answer_max: int | None = PAYLOAD_MAX
    #: DIRECTORY_PART is known (the C daemon since 4.9; never oxenstored).
    directory_part: bool = True
    #: Longest value, E2BIG beyond it (oxenstored: 2048).
    value_max: int | None = None
    #: GET_QUOTA, SET_QUOTA, GET_FEATURE and SET_FEATURE are known (4.22).
    quotas: bool = True


#: What oxenstored does on a socket; behind the kernel's device answers are 4096 bytes at most.
OCAML = Dialect(answer_max=None, directory_part=False, value_max=2048, quotas=False)


class Session:
    """The state of one connection. ``outgoing`` is guarded by ``lock``."""

    def __init__(
        self,
        store: Store,
        dialect: Dialect,
        domain_id: int,
        queued: Callable[[], None],
        *,
        read_only: bool = False,
    ) -> None:
        self._store = store
        self._dialect = dialect
        self._domain = domain_id
        self._home = f"/local/domain/{domain_id}"
        self._queued = queued
        self._read_only = read_only
        self._decoder = Decoder(PAYLOAD_MAX)
        self._transactions: set[int] = set()
        self._features: dict[int, Feature] = {}
        #: First events of watches being registered, sent behind the answer.
        self._held: list[bytes] = []
        self.lock = threading.Lock()
        self.outgoing = bytearray()

    def feed(self, data: bytes) -> bool:
        """Take bytes in and carry out what is whole; False when the client must be dropped."""
        try:
            messages = self._decoder.feed(data)
        except XenparleyError:
            return False
        for message in messages:
            self._answer(message)
        return self._decoder.broken is None

    def close(self) -> None:
        """Forget watches and transactions."""
        self._store.forget(self)
        for number in self._transactions:
            self._store.end(number, False)
        self._transactions.clear()

    def _answer(self, message: Message) -> None:
        kind, request_id, transaction_id, _ = message
        try:
            payload = self._bounded(self._carry_out(message))
        except StoreFault as exc:
            kind, payload = int(MessageType.ERROR), exc.name.encode() + b"\0"
        except (XenparleyError, ValueError):
            kind, payload = int(MessageType.ERROR), b"EINVAL\0"
        self._put(kind, request_id, transaction_id, payload)
        # As the real daemons do: the answer to a watch comes before its first event.
        for event in self._held:
            self._put(MessageType.WATCH_EVENT, 0, 0, event)
        self._held = []

    def _bounded(self, payload: bytes) -> bytes:
        limit = self._dialect.answer_max
        if limit is not None and len(payload) > limit:
            raise StoreFault("E2BIG")
        return payload

    def _put(self, kind: int, request_id: int, transaction_id: int, payload: bytes) -> None:
        frame = encode(kind, request_id, transaction_id, payload, limit=_ANSWER_MAX)
        with self.lock:
            self.outgoing += frame

    def _tell(self, path: str, token: str, relative: bool) -> bytes:
        if relative and path.startswith(f"{self._home}/"):
            path = path[len(self._home) + 1 :]
        return path.encode() + b"\0" + token.encode() + b"\0"

    def _path(self, word: bytes) -> str:
        path = word.decode("ascii")
        check_path(path)
        return path if path.startswith("/") else f"{self._home}/{path}"

    def _privileged(self) -> None:
        if self._domain:
            raise StoreFault("EACCES")

    def _carry_out(self, message: Message) -> bytes:
        kind, _, transaction, payload = message
        if self._read_only and kind in CHANGING:
            raise StoreFault("EROFS")
        handler = getattr(self, f"_do_{MessageType(kind).name.lower()}", None)
        if handler is None:
            raise StoreFault("ENOSYS")
        if transaction and transaction not in self._transactions:
            raise StoreFault("ENOENT")
        words = payload.split(b"\0")
        answer: bytes = handler(words, payload, transaction)
        return answer

    # One method for each request: its words (split at NUL), its payload, its transaction.

    def _do_read(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        return self._store.read(self._one(words), transaction, self._domain)

    def _do_directory(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        names = self._store.directory(self._one(words), transaction, self._domain)
        return b"".join(name.encode() + b"\0" for name in names)

    def _do_directory_part(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        if not self._dialect.directory_part:
            raise StoreFault("ENOSYS")
        path, offset, end = words
        if end or not offset.isdigit():
            raise StoreFault("EINVAL")
        generation, names = self._store.listing(self._path(path), transaction, self._domain)
        whole = b"".join(name.encode() + b"\0" for name in names)
        head = b"%d\0" % generation
        rest = whole[int(offset) :]
        room = PAYLOAD_MAX - len(head) - 1
        if len(rest) <= room:
            return head + rest + b"\0"
        return head + rest[: rest.rindex(b"\0", 0, room) + 1]

    def _do_get_perms(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        entries = self._store.permissions(self._one(words), transaction, self._domain)
        return b"".join(str(entry).encode() + b"\0" for entry in entries)

    def _do_write(self, _: list[bytes], payload: bytes, transaction: int) -> bytes:
        path, separator, value = payload.partition(b"\0")
        if not separator:
            raise StoreFault("EINVAL")
        limit = self._dialect.value_max
        if limit is not None and len(value) > limit:
            raise StoreFault("E2BIG")
        self._store.write(self._path(path), value, transaction, self._domain)
        return _OK

    def _do_mkdir(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        self._store.mkdir(self._one(words), transaction, self._domain)
        return _OK

    def _do_rm(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        self._store.remove(self._one(words), transaction, self._domain)
        return _OK

    def _do_set_perms(self, words: list[bytes], payload: bytes, transaction: int) -> bytes:
        entries = parse_permissions(payload[len(words[0]) + 1 :])
        path = self._path(words[0])
        self._store.set_permissions(path, entries, transaction, self._domain)
        return _OK

    def _do_watch(self, words: list[bytes], _: bytes, __: int) -> bytes:
        path, token, relative = self._watched(words)
        first = True

        def tell(changed: str, name: str) -> None:
            nonlocal first
            event = self._tell(changed, name, relative)
            if first:
                first = False
                self._held = [*self._held, event]
                return
            self._put(MessageType.WATCH_EVENT, 0, 0, event)
            self._queued()

        self._store.watch(path, token, self, tell, self._domain)
        return _OK

    def _do_unwatch(self, words: list[bytes], _: bytes, __: int) -> bytes:
        path, token, _relative = self._watched(words)
        self._store.unwatch(path, token, self)
        return _OK

    def _do_reset_watches(self, _: list[bytes], __: bytes, ___: int) -> bytes:
        self._store.forget(self)
        return _OK

    def _do_transaction_start(self, _: list[bytes], __: bytes, transaction: int) -> bytes:
        if transaction:
            raise StoreFault("EBUSY")
        number = self._store.begin(self._domain)
        self._transactions.add(number)
        return b"%d\0" % number

    def _do_transaction_end(self, words: list[bytes], _: bytes, transaction: int) -> bytes:
        if words[0] not in (b"T", b"F"):
            raise StoreFault("EINVAL")
        if not transaction:
            raise StoreFault("ENOENT")
        self._transactions.discard(transaction)
        self._store.end(transaction, words[0] == b"T")
        return _OK

    def _do_get_domain_path(self, words: list[bytes], _: bytes, __: int) -> bytes:
        return b"/local/domain/%d\0" % _domain_id(words[0])

    def _do_is_domain_introduced(self, words: list[bytes], _: bytes, __: int) -> bytes:
        return b"T\0" if self._store.introduced(_domain_id(words[0])) else b"F\0"

    def _do_introduce(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._privileged()
        if len(words) < 4 or not words[1].isdigit() or not words[2].isdigit():
            raise StoreFault("EINVAL")
        self._store.introduce(_domain_id(words[0]))
        return _OK

    def _do_release(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._privileged()
        self._store.release(_domain_id(words[0]))
        return _OK

    def _do_resume(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._privileged()
        if not self._store.introduced(_domain_id(words[0])):
            raise StoreFault("ENOENT")
        return _OK

    def _do_set_target(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._privileged()
        for word in words[:2]:
            if not self._store.introduced(_domain_id(word)):
                raise StoreFault("ENOENT")
        return _OK

    def _do_control(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._privileged()
        if words[0] == b"help":
            return b"help\0"
        raise StoreFault("EINVAL")

    def _do_get_feature(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._younger()
        everything = Feature.RECONNECTION | Feature.ERROR_FIELD
        if not words[0]:
            return b"%d\0" % everything
        return b"%d\0" % self._features.get(_domain_id(words[0]), everything)

    def _do_set_feature(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._younger()
        self._privileged()
        domain_id = _domain_id(words[0])
        if self._store.introduced(domain_id):
            raise StoreFault("EBUSY")
        self._features[domain_id] = Feature(int(words[1]))
        return _OK

    def _do_get_quota(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._younger()
        self._privileged()
        if not words[0]:
            return " ".join(name.replace("_", "-") for name in _PART_NAMES).encode() + b"\0"
        name = words[-2].decode("ascii").replace("-", "_")
        if name not in _PART_NAMES:
            raise StoreFault("EINVAL")
        return b"%d\0" % getattr(self._store.quota, name)

    def _do_set_quota(self, words: list[bytes], _: bytes, __: int) -> bytes:
        self._younger()
        self._privileged()
        if len(words) != 3:
            raise StoreFault("EINVAL")
        name = words[0].decode("ascii").replace("-", "_")
        if name not in _PART_NAMES:
            raise StoreFault("EINVAL")
        self._store.quota = self._store.quota._replace(**{name: int(words[1])})
        return _OK

    def _younger(self) -> None:
        if not self._dialect.quotas:
            raise StoreFault("ENOSYS")

    def _one(self, words: list[bytes]) -> str:
        if len(words) != 2 or words[1]:
            raise StoreFault("EINVAL")
        return self._path(words[0])

    def _watched(self, words: list[bytes]) -> tuple[str, str, bool]:
        if len(words) < 3:
            raise StoreFault("EINVAL")
        name, token = words[0].decode("ascii"), words[1].decode("ascii")
        check_watch_path(name)
        if name.startswith("@"):
            return name, token, False
        return self._path(words[0]), token, not name.startswith("/")


def _domain_id(word: bytes) -> int:
    if not word.isdigit() or int(word) > 0xFFFF:
        raise StoreFault("EINVAL")
    return int(word)
