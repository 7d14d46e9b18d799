"""Clients from a file, and into one."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import flask

from clients_api.files import exporting, importing
from clients_api.files.formats import FORMATS, MEDIA_TYPES, by_suffix
from clients_api.files.rows import Rules
from clients_api.models import Client
from clients_api.models.events import Position
from clients_api.models.queries.record import Record
from clients_api.schemas.base import Schema
from clients_api.schemas.client import ClientSchema
from clients_api.schemas.exchange import ExportQuerySchema, ImportQuerySchema, ImportReportSchema
from clients_api.schemas.fields import sentence
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

PROBLEMS_MAX = 1000  # that an answer tells; `failed` counts them all
DRY_RUN = "Dry run: nothing was imported."


@blp.get("/clients/export")
@blp.arguments(ExportQuerySchema, location="query")
@blp.response(200, Schema, message="Clients exported successfully.", media_types=tuple(MEDIA_TYPES))
def export_clients(query):
    """Export clients as a file."""
    form = query.pop("format", "csv")
    how = {name: query.pop(name, False) for name in ("contacts", "bom", "raw")}
    positions: list[Position] = []
    how["begun"] = positions.append
    parts = exporting.export(current_app.database, Client.matching(**query), form, **how)
    # With the first part here, an error of the database still gets an answer of its own.
    body = itertools.chain([next(parts)], parts)
    response = flask.Response(body, content_type=f"{FORMATS[form].media_type}; charset=utf-8")
    name = f"{'contacts' if how['contacts'] else 'clients'}.{form}"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Event-Position"] = str(positions[0])
    response.call_on_close(parts.close)
    return response


@blp.post("/clients/import")
@blp.arguments(ImportQuerySchema, location="query")
@blp.file(*MEDIA_TYPES)
@blp.response(200, ImportReportSchema, message="Clients imported successfully.")
def import_clients(query, body):
    """Import clients from a file; all of it or, unless `partial`, nothing."""
    upload = body["upload"]
    said = MEDIA_TYPES.get(upload.media_type) or by_suffix(upload.name)
    form = query.pop("format", None) or said
    query.setdefault("encoding", upload.charset or None)
    if query.get("contacts") and query.get("match") == "vat":
        raise unprocessable({"match": [sentence("choice", "match")]})
    rules = Rules(**{name: query.pop(name) for name in Rules._fields if name in query})
    problems: list[importing.Problem] = []
    job = importing.Import(rules, **query, problem=_first(problems, PROBLEMS_MAX))
    report = job.run(current_app.database, upload.stream, form)
    if report.failed and not query.get("partial"):
        raise unprocessable(_by_line(problems))
    if request.is_trial:
        request.message = DRY_RUN
    return _told(report, request.is_trial, problems)


def _first(problems: list[importing.Problem], most: int) -> Any:
    def note(problem: importing.Problem) -> None:
        if len(problems) < most:
            problems.append(problem)

    return note


def _told(report: importing.Report, is_trial: bool, problems: list[importing.Problem]) -> Record:
    errors = [problem._asdict() for problem in problems]
    told = {"dry_run": is_trial, **dataclasses.asdict(report), "errors": errors}
    return Record(tuple(told), tuple(told.values()))


def _by_line(problems: list[importing.Problem]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for line, column, message in problems:
        name = f"lines.{line}" if column is None else f"lines.{line}.{column}"
        errors.setdefault(name, []).append(message)
    return errors
