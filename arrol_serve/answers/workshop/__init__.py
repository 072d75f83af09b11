"""The worker processes of the answer pool: what they run, and whose turn it is."""
