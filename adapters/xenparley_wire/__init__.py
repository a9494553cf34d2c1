"""Codecs without I/O for Xen's wire formats: S-expressions, XenStore frames, hypercall ABIs."""
