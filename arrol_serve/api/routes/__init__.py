"""The routes that can search, and the list of models."""
