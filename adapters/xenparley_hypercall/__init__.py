"""Hypercalls by way of the privcmd device: the hypervisor itself, asked and steered.

Pure Python: :mod:`struct` for the layouts (``xenparley_wire.abi``), :mod:`fcntl` for the ioctl,
:mod:`ctypes` for the addresses of buffers. Nothing is imported here.
"""
