"""What schemathesis has to know of this API that OpenAPI can't say."""

from __future__ import annotations

import itertools
import re

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# Codes of findings (`schemathesis explain ST201`).
ACCEPTED, REJECTED = "ST201", "ST202"

# The run's own key is the first of the new database; revoked, it would end the run.
OWN_KEY = 1
NO_KEY = 2**62
CALLS = itertools.count()

# Keywords of JSON Schema, as the phases of a run name what was wrong on purpose.
VIOLATION = re.compile(r"violates `(\w+)`|Incorrect (type)|larger than (maxLength)")
# Sentences for values that are wrong only in view of what is stored, or of the time.
BY_STATE = re.compile(
    r"The .* has already been taken\.|A category with this name already exists\."
    r"|The .* must be a date after now\.|The options field is required\."
)
# Parameters that name another record, or a place in a list. Stateful tests take what another
# answer calls `role` for a `role_id`, without regard to its enum.
REFERENCES = re.compile(r"client_categoryid|clientid|owner|target_id|users(\.\d+)?|cursor|role_id")


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
        return not (
            is_wrong_in_type_alone(case, failure)
            or is_too_long_by_blanks(case, failure)
            or lacks_what_others_need(failure)
        )
    return not (has_unwritable_name(case) or is_refused_by_state(case, response))


def has_wrong_header(case):
    """Tell of a request made up to be refused for a header, which must stay as it is."""
    made_up = case.meta.components.get(ParameterLocation.HEADER)
    is_left_out = case.meta.phase.data.parameter_location == ParameterLocation.HEADER
    is_wrong = made_up is not None and made_up.mode.is_negative
    return is_wrong or (is_left_out and case.meta.generation.mode.is_negative)


def is_wrong_in_type_alone(case, failure):
    """Tell of a form with numbers and objects where text should be: it is sent as text."""
    return case.media_type != "application/json" and violated(failure) == {"type"}


def is_too_long_by_blanks(case, failure):
    """Tell of text that is too long only until it is trimmed, which JSON Schema can't say."""
    if violated(failure) != {"maxLength"} or not isinstance(case.body, dict):
        return False
    values = [value if isinstance(value, list) else [value] for value in case.body.values()]
    return any(isinstance(text, str) and text != text.strip() for value in values for text in value)


def lacks_what_others_need(failure):
    """Tell of a custom field without options.

    Once a dropdown was refused for want of them, schemathesis takes them for required of all types.
    """
    return "Missing required property: options" in failure.message


def violated(failure):
    """Return the keywords of JSON Schema that a request violates."""
    return {match[match.lastindex] for match in VIOLATION.finditer(failure.message)}


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
