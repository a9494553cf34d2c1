"""The schemes ``http://HOST:PORT/`` and ``xend+unix:///PATH``.

Neither means this machine for certain: a port or socket may be forwarded by ssh from another
one, so nothing on this machine's disk is taken for the host's.
"""

from __future__ import annotations

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley.plugin.spi import Connection
from xenparley.plugin.uri import Uri
from xenparley_xend.places import HTTP_SOCKET, XMLRPC_SOCKET

__all__ = ["connect_http", "connect_unix"]


def connect_http(uri: Uri) -> Connection:
    """``http://HOST:PORT/``: XenD over TCP (host localhost, port 8000). InvalidInput: a path.

    ``?insecure=1`` allows another machine, ``?protocol=xmlrpc`` speaks XML-RPC.
    """
    if uri.path not in ("", "/"):
        raise InvalidInput(f"{uri}: XenD's server has no path, only http://HOST:PORT/")
    host = uri.host or "localhost"
    settings = {"host": host, "port": str(uri.port or 8000)}
    for key in ("insecure", "protocol"):
        if key in uri.query:
            settings[key] = uri.query[key]
    return Connection(
        label=f"XenD at {printable(host, limit=200)}:{settings['port']}",
        local=False,
        settings={"xend": settings},
    )


def connect_unix(uri: Uri) -> Connection:
    """``xend+unix:///PATH``: a UNIX socket of XenD, here or forwarded. InvalidInput: no path.

    ``?protocol=http`` or ``xmlrpc`` says what is spoken there; else it is tried out.
    """
    if uri.host is not None or uri.port is not None or not uri.path.startswith("/"):
        raise InvalidInput(f"{uri}: a socket is named as xend+unix:///PATH")
    if len(uri.path.encode("utf-8", "surrogatepass")) > 107:
        raise InvalidInput(f"{uri}: a UNIX socket's path has at most 107 bytes")
    settings = {"path": uri.path}
    if "protocol" in uri.query:
        settings["protocol"] = uri.query["protocol"]
    elif uri.path.endswith("xmlrpc.sock"):
        settings["protocol"] = "xmlrpc"
    return Connection(
        label=f"XenD at {printable(uri.path, limit=200)}",
        local=uri.path in (HTTP_SOCKET, XMLRPC_SOCKET),
        settings={"xend": settings},
    )
