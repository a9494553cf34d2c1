"""XenStore: the channel that is there on every Xen host of every age.

:func:`xenparley_xenstore.client.open_store` gives a client; the modules below it are, from the
outside in, ``link`` (stays connected), ``connection`` (one thread that reads), ``transport``
(socket or device) and ``xenparley_wire.xenstore`` (the protocol without I/O).
"""
