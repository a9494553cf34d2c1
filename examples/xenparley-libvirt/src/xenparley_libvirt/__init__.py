"""Xen hosts through libvirt, for xenparley."""
