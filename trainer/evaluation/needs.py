"""What a method may need of where replies come from."""

HEAD = "a quality head"
CONFIDENCE = "token confidence"
PRUNING = "pruning in the engine"
SEARCHES = "a running arrol-serve (--url)"
ONLINE = "an engine in this process and at least 2 samples"
