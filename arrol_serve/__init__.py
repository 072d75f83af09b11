"""arrol-serve: an OpenAI-compatible test-time-scaling server on stock vLLM."""

__version__ = "0.1.0"
