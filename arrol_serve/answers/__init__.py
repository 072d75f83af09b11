"""What a rollout says, and which rollouts say the same.

To add an answer type: name it in ``spec.Extract`` and write its function in ``extract.EXTRACTORS``.
"""
