"""Notations of a guest's configuration: domain XML and JSON, to and from GuestConfig."""
