"""The way of a request: from its bytes to the answer's, once for all routes."""

from typing import Any

import flask

# The service and its request (service.py, messages.py): Flask's types know only its own.
current_app: Any = flask.current_app
request: Any = flask.request
