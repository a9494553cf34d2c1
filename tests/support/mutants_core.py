"""Mutants of the reference adapter."""

from support import mutants_channel, mutants_definitions, mutants_guests
from support.mutants_channel import clean

__all__ = ["MUTANTS", "clean"]

MUTANTS = (*mutants_channel.MUTANTS, *mutants_guests.MUTANTS, *mutants_definitions.MUTANTS)
