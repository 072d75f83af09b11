"""How languages say "the answer is". To add one, add its row to ``table``."""
