"""Questions that are never trained on: how right the policy is on them, and when it was at its best."""
