"""Metrics for Prometheus. Registered only where the extra `metrics` is installed."""

from __future__ import annotations

from clients_api.models import Client
from clients_api.schemas.base import Schema
from clients_api.upkeep import metrics
from clients_api.web import current_app
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "metrics",
    __name__,
    resource=Resource("metric", Schema, Client.find, read="admin", write="admin"),
    description="Numbers by which an operator sees how the service is doing.",
)


@blp.get("/metrics")
@blp.response(
    200, Schema, message="Metrics in Prometheus's text format.", media_types=("text/plain",)
)
def get_metrics():
    """Get the metrics of the service."""
    app = current_app
    return app.response_class(app.metrics.text(), content_type=metrics.CONTENT_TYPE)
