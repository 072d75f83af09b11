"""What a method may need of where replies come from."""

HEAD = "a quality head (--head FOLDER, or a server that has one)"
CONFIDENCE = "token confidence"
PRUNING = "pruning in the engine"
SEARCHES = "a running arrol-serve (--url)"
ONLINE = (
    "an engine in this process, without --url, since no request can carry its window, and at least 2 "
    "samples"
)
