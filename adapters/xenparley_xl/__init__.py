"""xl, the toolstack of every Xen host since 4.1, as a channel."""
