"""The model that is trained: from judged rollouts to one update."""
