"""Our training beside TRL's; start at ``__main__``."""
