"""Pruned against unpruned training; start at ``__main__``."""
