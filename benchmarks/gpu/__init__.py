"""Real shapes, random weights: what our part costs on a GPU, without a checkpoint, a network or an hour.

``python -m benchmarks gpu shapes``; a tiny shape runs on a CPU, so that it works the first time.
"""
