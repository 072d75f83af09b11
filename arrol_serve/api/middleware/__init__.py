"""ASGI layers around every route, outermost first: drain, auth, body limit; how HTTP and JSON are read."""
