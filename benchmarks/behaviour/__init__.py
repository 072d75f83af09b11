"""What a client sees of each system, checked one behaviour at a time: ``python -m benchmarks behaviour``."""
