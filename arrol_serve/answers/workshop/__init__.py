"""The worker processes of the answer pool: what they run, and in which order."""
