"""What a method may need of where replies come from."""

HEAD = "a quality head"
CONFIDENCE = "token confidence"
PRUNING = "pruning in the engine"
