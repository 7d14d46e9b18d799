"""Receives webhooks: verifies who sent each, leaves out what came before, and prints the rest.

Run it with `WEBHOOK_SECRET=whsec_… flask run --port 5001`.
"""

import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
seen: set[str] = set()  # a program of yours keeps these in its database, with what it makes of them


@app.post("/")
def receive():
    """Answer 204 to what is genuine, and 401 to all else."""
    try:
        body = webhook.verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # the latter of headers that are none
        return {"message": "The signature is not right."}, 401
    id = request.headers["webhook-id"]
    if id not in seen:  # each event comes at least once
        print(body["type"], body["data"]["object"], flush=True)
        seen.add(id)
    return "", 204
