"""What a rollout says, and which rollouts say the same.

To add a kind of answer, a language or a way to read: see CONTRIBUTING.md.
"""
