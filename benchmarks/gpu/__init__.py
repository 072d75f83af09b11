"""The same on a GPU, with models and settings of the paper's size: ``python -m benchmarks gpu``."""
