"""The only package that touches vLLM's engine: ``plugin`` inside it, the rest beside it."""
