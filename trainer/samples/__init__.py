"""What was sampled, kept for people to look at: side by side in a terminal, and as one page."""
