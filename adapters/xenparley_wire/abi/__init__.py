"""The hypercall ABI of every Xen release as data, and a codec for it that does no I/O.

The control interfaces of Xen (dom0_op up to 3.0.2, sysctl and domctl since) change with almost
every release. :mod:`.table` finds the layouts by the *pair* of interface versions and the
architecture, :mod:`.abi` builds requests and reads answers, :mod:`.records` has what the answers
mean. Nothing is imported here, so that each user pays for what it uses.
"""
