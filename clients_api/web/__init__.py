"""The way of a request: from its bytes to the answer's, once for all routes."""
