"""When pruning and weighting help, break even or hurt: ``python -m benchmarks simulate``."""
