"""Clients from a file, and into one."""

from __future__ import annotations

import io
import itertools

import flask

from clients_api import signals
from clients_api.files import exporting, importing
from clients_api.files.formats import FORMATS, MEDIA_TYPES
from clients_api.models import Client
from clients_api.models.queries.record import Record
from clients_api.schemas.base import Schema
from clients_api.schemas.client import ClientSchema
from clients_api.schemas.exchange import ExportQuerySchema, ImportQuerySchema, ImportReportSchema
from clients_api.web import current_app, request
from clients_api.web.api import Blueprint
from clients_api.web.errors import unprocessable
from clients_api.web.operation import Resource

blp = Blueprint(
    "exchange",
    __name__,
    resource=Resource("client", ClientSchema, Client.find),
    description="Clients from a file, and into one.",
)

SIGNALS = {"created": signals.client_created, "updated": signals.client_updated}
PROBLEMS_MAX = 1000  # that an answer tells; `failed` counts them all


@blp.get("/clients/export")
@blp.arguments(ExportQuerySchema, location="query")
@blp.response(200, Schema, message="Clients exported successfully.", media_types=tuple(MEDIA_TYPES))
def export_clients(query):
    """Export clients as a file."""
    form = query.pop("format", "csv")
    parts = exporting.export(current_app.database, Client.matching(**query), form)
    # With the first part here, an error of the database still gets an answer of its own.
    body = itertools.chain([next(parts)], parts)
    response = flask.Response(body, content_type=f"{FORMATS[form].media_type}; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=f"clients.{form}")
    response.call_on_close(parts.close)
    return response


@blp.post("/clients/import")
@blp.arguments(ImportQuerySchema, location="query")
@blp.file(*MEDIA_TYPES)
@blp.response(200, ImportReportSchema, message="Clients imported successfully.")
def import_clients(query, body):
    """Import clients from a file; all of it or, unless `partial`, nothing."""
    form = query.pop("format", None) or MEDIA_TYPES[body["media_type"]]
    problems: list[importing.Problem] = []
    changes: list[tuple[str, Record]] = []
    job = importing.Import(
        **query, problem=problems.append, changed=lambda *change: changes.append(change)
    )
    report = job.run(current_app.database, io.BytesIO(body["data"]), form)
    if report.failed and not query.get("partial"):
        raise unprocessable(_by_line(problems))
    is_trial = query.get("dry_run", False)
    if not is_trial:
        request.signals += ((SIGNALS[name], ClientSchema, it) for name, it in changes)
    return _told(report, is_trial, problems)


def _told(report: importing.Report, is_trial: bool, problems: list[importing.Problem]) -> Record:
    errors = [problem._asdict() for problem in problems[:PROBLEMS_MAX]]
    told = {"dry_run": is_trial, **vars(report), "errors": errors}
    return Record(tuple(told), tuple(told.values()))


def _by_line(problems: list[importing.Problem]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for line, column, message in problems[:PROBLEMS_MAX]:
        name = f"lines.{line}" if column is None else f"lines.{line}.{column}"
        errors.setdefault(name, []).append(message)
    return errors
