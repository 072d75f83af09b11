"""What several results say together: the goals, the README, beside the paper."""
