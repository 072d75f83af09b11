"""Honest evaluation: accuracy against tokens on the user's questions, from kept records."""
