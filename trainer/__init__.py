"""Makes what the server uses: policy checkpoints and quality heads."""
