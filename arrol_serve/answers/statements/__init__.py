"""Where a reply states an answer, and how far each place is to be trusted."""
