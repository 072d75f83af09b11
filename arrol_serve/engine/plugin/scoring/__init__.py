"""From logits, sampled tokens and hidden states to scores."""
