"""XenD: the daemon that managed Xen up to 4.4, over HTTP, its UNIX socket or XML-RPC.

From the outside in: the ports (``inventory``, ``lifecycle``, ...), ``calls`` (which guest is
meant), ``doors`` (what XenD is asked, as S-expressions: ``http_door`` and ``xmlrpc_door``),
``exchange`` (one request and its answer) and ``transport`` (sockets with a deadline).
"""
