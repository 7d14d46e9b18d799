"""What schemathesis has to know of this API that OpenAPI can't say."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import jsonschema
import schemathesis
from schemathesis.core.parameters import ParameterLocation

sys.path.append(str(Path(__file__).parent))
from spelling import as_documented, types_of

# Codes of findings (`schemathesis explain ST201`).
ACCEPTED, REJECTED = "ST201", "ST202"

# The run's own key is the first of the new database; revoked, it would end the run.
OWN_KEY = 1
NO_KEY = 2**62
CALLS = itertools.count()
DRY = ("yes", "true", "1", ["yes"], ["true"], ["1"])

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Sentences for values that are wrong only in view of what is stored, or of the time.
BY_STATE = re.compile(
    r"The .* has already been taken\.|A category with this name already exists\."
    r"|The .* must be a date after now\.|The options field is required\."
    r"|The url must be .*"
)
# Parameters that name another record, or a place in a list. Stateful tests take what another
# answer calls `role` for a `role_id`, without regard to its enum.
REFERENCES = re.compile(
    r"client_categoryid|clientid|owner|target_id|position|without(\.\d+)?|from(\.\d+)?"
    r"|users(\.\d+)?|cursor|role_id"
)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """Send the text as it was made up."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keep the run from revoking its own key, and calls from being refused for earlier ones."""
    revokes = case.method == "DELETE" and case.path.endswith("/keys/{id}")
    if revokes and str(case.path_parameters.get("id")) == str(OWN_KEY):
        case.path_parameters["id"] = NO_KEY
    # No client can be made without the fields that are required.
    is_field = "/custom-fields" in case.path and isinstance(case.body, dict)
    if is_field and case.body.get("required") == "yes":
        case.body = {**case.body, "required": "no"}
    # Else multipart forms say `null`, and leave out an array for which there is `tags=`.
    if is_form(case):
        empty = {name: "" for name, value in case.body.items() if value is None or value == []}
        case.body = {**case.body, **empty}
    # A dry run shows null for the ids that there are not, which OpenAPI can't say of it alone.
    if (case.query or {}).get("dry_run") in DRY:
        case.query = {name: value for name, value in case.query.items() if name != "dry_run"}
    # Few Idempotency-Keys are made up, so that most calls would be refused for theirs alone.
    if "Idempotency-Key" in case.headers and not has_wrong_header(case):
        case.headers["Idempotency-Key"] = f"call-{next(CALLS)}"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Accept refusals that are right although the request is of the form that is documented."""
    if failure.code not in (ACCEPTED, REJECTED):
        return True
    if case.path.endswith("/clients/import"):
        return False  # OpenAPI can't say what may be in a file
    if failure.code == ACCEPTED:
        return not (is_right_as_it_is_taken(case) or lacks_what_others_need(failure))
    return not (has_unwritable_name(case) or is_refused_by_state(case, response))


def has_wrong_header(case):
    """Tell of a request made up to be refused for a header, which must stay as it is."""
    made_up = case.meta.components.get(ParameterLocation.HEADER)
    is_left_out = case.meta.phase.data.parameter_location == ParameterLocation.HEADER
    is_wrong = made_up is not None and made_up.mode.is_negative
    return is_wrong or (is_left_out and case.meta.generation.mode.is_negative)


def is_right_as_it_is_taken(case):
    """Tell of a body that is as documented but for its spelling, such as text for a number.

    The document says in words what else is taken for a value, since generators make a type of each
    spelling. Of what else may be wrong on purpose, such as a header, this knows nothing.
    """
    wrong = [place for place, part in case.meta.components.items() if part.mode.is_negative]
    if wrong != [ParameterLocation.BODY] or not isinstance(case.body, dict):
        return False
    root = case.operation.schema.raw_schema
    json = case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    schema = root["components"]["schemas"][json["$ref"].rpartition("/")[2]]
    properties = schema["properties"]
    sent = {name: value for name, value in case.body.items() if name in properties}
    if is_form(case):
        sent = {name: as_sent(properties[name], value) for name, value in sent.items()}
    taken = {name: as_documented(properties[name], value) for name, value in sent.items()}
    validator = jsonschema.Draft202012Validator(
        {**schema, "components": root["components"]}, format_checker=jsonschema.FormatChecker()
    )
    return validator.is_valid(taken)


def as_sent(schema, value):
    """Return a value as it comes out of a form, where all is text, and one may be an array."""
    values = value if isinstance(value, list) else [value]
    texts = [text if text is None or isinstance(text, str) else str(text) for text in values]
    return texts if "array" in types_of(schema) else texts[-1] if texts else ""


def is_form(case):
    """Tell of a body that is sent as a form."""
    return case.media_type in FORMS and isinstance(case.body, dict)


def lacks_what_others_need(failure):
    """Tell of a custom field without options, or a contact without a client.

    Once a dropdown, or a contact of no type, was refused for want of them, schemathesis takes them
    for required of all types.
    """
    return bool(re.search("Missing required property: (options|clientid)", failure.message))


def has_unwritable_name(case):
    """Tell of a name that ends in a backslash, which schemathesis writes without escaping it."""
    is_multipart = case.media_type == "multipart/form-data"
    return is_multipart and any(name.endswith("\\") for name in case.body)


def is_refused_by_state(case, response):
    """Tell whether all that is wrong with a request is so for what is stored."""
    if response.status_code != 422:
        return False
    schemas = case.operation.schema.raw_schema["components"]["schemas"].values()
    # Others are headers, and custom fields that were defined after the document was read.
    documented = {name for schema in schemas for name in schema.get("properties", ())}
    return all(
        name not in documented or REFERENCES.fullmatch(name) or BY_STATE.fullmatch(sentence)
        for name, (sentence,) in response.json()["errors"].items()
    )
