"""What the routes document: schemas of requests and replies, and examples."""
