"""The recipe of the bundled model: task -> tokenizer -> policy -> rollouts -> quality head."""
