"""HTTP: vLLM's own OpenAI app, with our route, our object and our errors on top."""
