"""Our pruned engine under other people's trainers."""
