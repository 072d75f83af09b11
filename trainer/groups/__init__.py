"""Judged rollout groups: what they are made of, and how large they are."""
