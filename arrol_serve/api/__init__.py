"""HTTP: vLLM's own OpenAI app, with our routes, our object and our errors on top."""
