"""Tests inside a real dom0: ``tox -e xen`` boots one and runs them there."""
