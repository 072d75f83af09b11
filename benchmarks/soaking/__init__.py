"""The parts of the soak: what is asked, what is a fault, who asks, and what is watched."""
