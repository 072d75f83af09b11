"""What a rollout is worth: judged answers, reward functions, shaping."""
