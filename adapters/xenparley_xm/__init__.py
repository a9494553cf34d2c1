"""Guests that are defined by files in /etc/xen: XM files, or xl.cfg files kept the same way.

Imports of :mod:`xenparley_xm.plugin` are cheap; the rest is imported at the first probe.
"""
