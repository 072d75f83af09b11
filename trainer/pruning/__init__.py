"""The quality head as it learns, and what the survival policy learns from it."""
