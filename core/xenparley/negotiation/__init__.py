"""Negotiation: which channel answers what, and why. Pure; explanations are data."""
