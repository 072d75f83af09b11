"""Runs inside vLLM's processes. Moves ids and tensors; every decision is made in ``pruning``."""
