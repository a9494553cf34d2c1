"""The tables in which a simulated host lives. Changed only together with SCHEMA_VERSION."""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION", "TABLES"]

#: In the file's header (PRAGMA application_id): "XPsm".
APPLICATION_ID = 0x5850736D
#: In the file's header (PRAGMA user_version).
SCHEMA_VERSION = 1

# Listings read the narrow tables only; documents (configurations, hardware) are apart, so that a
# listing of many guests does not page through them.
SCHEMA = (
    """CREATE TABLE host (
        one INTEGER PRIMARY KEY CHECK (one = 0),
        next_domid INTEGER NOT NULL,
        held_kib INTEGER NOT NULL,
        release TEXT NOT NULL,
        facts TEXT NOT NULL
    )""",
    """CREATE TABLE domains (
        domid INTEGER PRIMARY KEY,
        handle TEXT NOT NULL,
        name TEXT NOT NULL,
        virt TEXT NOT NULL,
        pauses INTEGER NOT NULL,
        reason INTEGER,
        dying INTEGER NOT NULL,
        activity INTEGER NOT NULL,
        started REAL NOT NULL,
        since REAL NOT NULL,
        cpu_ns INTEGER NOT NULL,
        memory_kib INTEGER NOT NULL,
        target_kib INTEGER NOT NULL,
        max_kib INTEGER NOT NULL,
        held_kib INTEGER NOT NULL,
        boot_kib INTEGER NOT NULL,
        vcpus INTEGER NOT NULL,
        max_vcpus INTEGER NOT NULL,
        boot_vcpus INTEGER NOT NULL,
        weight INTEGER NOT NULL,
        cap INTEGER NOT NULL,
        request TEXT,
        obedient INTEGER NOT NULL,
        actions TEXT NOT NULL,
        after TEXT,
        cause TEXT
    )""",
    "CREATE INDEX domains_handle ON domains (handle)",
    "CREATE INDEX domains_name ON domains (name)",
    """CREATE TABLE definitions (
        uuid TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        virt TEXT NOT NULL,
        memory_kib INTEGER NOT NULL,
        max_kib INTEGER NOT NULL,
        vcpus INTEGER NOT NULL,
        max_vcpus INTEGER NOT NULL,
        autostart INTEGER NOT NULL
    )""",
    "CREATE TABLE documents (key TEXT PRIMARY KEY, text TEXT NOT NULL)",
    """CREATE TABLE files (
        path TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        at REAL NOT NULL,
        text TEXT NOT NULL
    )""",
    """CREATE TABLE timers (
        domid INTEGER NOT NULL,
        kind TEXT NOT NULL,
        due REAL NOT NULL,
        PRIMARY KEY (domid, kind)
    )""",
    "CREATE INDEX timers_due ON timers (due)",
    """CREATE TABLE journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        domid INTEGER,
        uuid TEXT,
        name TEXT,
        detail TEXT
    )""",
)

TABLES = frozenset({"host", "domains", "definitions", "documents", "files", "timers", "journal"})
