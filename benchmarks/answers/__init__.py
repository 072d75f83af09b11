"""How well replies are read: ``python -m benchmarks answers``."""
