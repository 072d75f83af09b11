"""Ways to get one voted answer, side by side on one server: ``python -m benchmarks serving``."""
