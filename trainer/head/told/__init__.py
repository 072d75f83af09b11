"""What is told of a head: its card and its pictures."""
