"""``arrol-eval tune``: one unpruned pass, thousands of search plans replayed from it, presets chosen."""
