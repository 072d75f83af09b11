"""Measurements that anyone can rerun: each writes a JSON result and a plot to ``benchmarks/results``."""
