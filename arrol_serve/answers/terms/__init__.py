"""Closed forms and expressions: read once, worth a number at every point."""
