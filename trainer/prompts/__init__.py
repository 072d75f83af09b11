"""Prompts by number: generated, from files, from Hugging Face, from reasoning-gym."""
