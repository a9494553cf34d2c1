"""A real Xen host in software emulation: built from Debian's packages, booted by QEMU."""
