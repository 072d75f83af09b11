"""``arrol-serve plan``: what a model needs on a GPU, before one is rented. Arithmetic, no engine."""
