"""One small module a kind of answer; ``registry`` asks them in order. See CONTRIBUTING.md."""
