"""What a search answers: its report, its chunks, and what is told while it runs."""
