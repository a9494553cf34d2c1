"""What XenStore messages are made of: types, error names, limits, permissions.

The numbers are those of Xen's public header ``io/xs_wire.h``, releases 3.0.0 to 4.22. They were
only ever added to, except for RESTRICT (20), which existed from 4.1 to 4.8.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = [
    "ABSOLUTE_PATH_MAX",
    "DOMID_ANY",
    "ERROR_NAMES",
    "HEADER_SIZE",
    "PAYLOAD_MAX",
    "RELATIVE_PATH_MAX",
    "SINCE",
    "Access",
    "Feature",
    "Message",
    "MessageType",
    "Permission",
    "WatchEvent",
]

#: Bytes of the header: type, request id, transaction id, payload length, four native u32.
HEADER_SIZE = 16
#: Bytes of payload that a daemon accepts; more makes the C daemon drop the connection.
PAYLOAD_MAX = 4096
#: Longest absolute path, without the NUL (named in the header since 3.2, always enforced).
ABSOLUTE_PATH_MAX = 3072
#: Longest relative path, without the NUL.
RELATIVE_PATH_MAX = 2048
#: The domain id that stands for every domain in permissions, where the daemon has that feature.
DOMID_ANY = 0x7FF5


class MessageType(enum.IntEnum):
    """Every message type of every release. A type that a daemon lacks answers ENOSYS."""

    CONTROL = 0
    DIRECTORY = 1
    READ = 2
    GET_PERMS = 3
    WATCH = 4
    UNWATCH = 5
    TRANSACTION_START = 6
    TRANSACTION_END = 7
    INTRODUCE = 8
    RELEASE = 9
    GET_DOMAIN_PATH = 10
    WRITE = 11
    MKDIR = 12
    RM = 13
    SET_PERMS = 14
    WATCH_EVENT = 15
    ERROR = 16
    IS_DOMAIN_INTRODUCED = 17
    RESUME = 18
    SET_TARGET = 19
    RESTRICT = 20
    RESET_WATCHES = 21
    DIRECTORY_PART = 22
    GET_FEATURE = 23
    SET_FEATURE = 24
    GET_QUOTA = 25
    SET_QUOTA = 26
    INVALID = 65535


#: First Xen release of each type that is younger than 3.0.0.
SINCE: dict[MessageType, str] = {
    MessageType.RESUME: "3.1",
    MessageType.SET_TARGET: "3.3",
    MessageType.RESTRICT: "4.1",
    MessageType.RESET_WATCHES: "4.2",
    MessageType.DIRECTORY_PART: "4.9",
    MessageType.GET_FEATURE: "4.21",
    MessageType.SET_FEATURE: "4.21",
    MessageType.GET_QUOTA: "4.22",
    MessageType.SET_QUOTA: "4.22",
    MessageType.INVALID: "4.5",
}

#: Error words that a daemon sends instead of numbers. E2BIG since 4.2.4/4.3.1, EPERM since 4.17.
ERROR_NAMES = (
    "EINVAL",
    "EACCES",
    "EEXIST",
    "EISDIR",
    "ENOENT",
    "ENOMEM",
    "ENOSPC",
    "EIO",
    "ENOTEMPTY",
    "ENOSYS",
    "EROFS",
    "EBUSY",
    "EAGAIN",
    "EISCONN",
    "E2BIG",
    "EPERM",
)


class Feature(enum.IntFlag):
    """Bits of GET_FEATURE and of the ring page's server features."""

    RECONNECTION = 1
    ERROR_FIELD = 2
    WATCH_DEPTH = 4
    DOMID_ANY = 8


class Message(NamedTuple):
    """One whole message. ``type`` is a plain int: a member of :class:`MessageType`, checked."""

    type: int
    request_id: int
    transaction_id: int
    payload: bytes


class WatchEvent(NamedTuple):
    """What changed, and the token of the watch that saw it."""

    path: str
    token: str


class Access(str, enum.Enum):
    """What one domain may do with a node: the letter on the wire."""

    NONE = "n"
    READ = "r"
    WRITE = "w"
    BOTH = "b"


class Permission(NamedTuple):
    """One entry of a node's list.

    The first entry names the owner (who may do everything) and, by its letter, what every domain
    not listed may do.
    """

    domain_id: int
    access: Access

    def __str__(self) -> str:
        return f"{self.access.value}{self.domain_id}"
