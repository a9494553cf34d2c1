"""The domain: what a guest is, lives through and is configured to be. Pure: no I/O, no clock."""
