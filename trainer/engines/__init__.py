"""Where rollouts come from, and how trained weights reach it."""
