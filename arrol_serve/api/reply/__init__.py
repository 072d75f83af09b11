"""What a search answers: its report, its chunks, and its progress while it runs."""
