"""The fields of schemas, which say what is wrong in Laravel's sentences, and know no database.

Text arrives trimmed, and an empty string as None (web/reading/bodies.py).
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import email_validator
import marshmallow as ma
from marshmallow import fields, validate

from clients_api.models.base import timestamp

INTEGER_MAX = 2**63 - 1
DECIMAL_LIMIT = 10**15
_DIGITS = re.compile(r"[+-]?[0-9]{1,100}")
MESSAGES = {
    "required": "The {field} field is required.",
    "null": "The {field} field is required.",
    "string": "The {field} must be a string.",
    "integer": "The {field} must be an integer.",
    "number": "The {field} must be a number.",
    "array": "The {field} must be an array.",
    "date": "The {field} must be a valid date.",
    "future": "The {field} must be a date after now.",
    "email": "The {field} must be a valid email address.",
    "characters": "The {field} contains characters that are not allowed.",
    "max": "The {field} may not be greater than {max} characters.",
    "max_items": "The {field} may not have more than {max} items.",
    "between": "The {field} must be between {min} and {max}.",
    "at_least": "The {field} must be at least {min}.",
    "at_most": "The {field} may not be greater than {max}.",
    "choice": "The selected {field} is invalid.",
    "exists": "The selected {field} is invalid.",
    "taken": "The {field} has already been taken.",
    "name_taken": "A category with this name already exists.",
    "format": "The {field} format is invalid.",
    "address": "The {field} must be an https address of a public host.",
    "cursor": "The selected {field} is invalid.",
    "twice": "The {field} may be given only once.",
    "unknown": "The {field} parameter is not known here.",
}


def sentence(rule: str, name: str, **numbers: Any) -> str:
    """Say in words which rule the parameter of that name breaks."""
    return MESSAGES[rule].format(field=name.replace("_", " "), **numbers)


class _Field(fields.Field):
    """A field whose messages name the parameter, with spaces for underscores."""

    limits: Mapping[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("required"):
            kwargs.setdefault("allow_none", True)
        super().__init__(*args, **kwargs)

    def make_error(self, key: str, **kwargs: Any) -> ma.ValidationError:
        return ma.ValidationError(self.message(key, **kwargs))

    def message(self, rule: str, **numbers: Any) -> str:
        """Return the sentence for a broken rule of this field."""
        # An array knows which of its elements this is.
        name = "{field}" if isinstance(self.parent, Array) else str(self.data_key or self.name)
        return sentence(rule, name, **{**self.limits, **numbers})


class String(_Field, fields.String):
    """Text of at most `max` characters, all of it of the form `pattern` where one is given."""

    def __init__(
        self, *, max: int | None = None, pattern: str | None = None, **kwargs: Any
    ) -> None:
        self.limits = {"max": max}
        self.pattern = pattern
        if max is not None:
            # For the documentation: _deserialize has checked it already, with our words.
            kwargs.setdefault("validate", validate.Length(max=max))
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("string")
        if "\0" in value or not is_unicode(value):
            raise self.make_error("characters")
        maximum = self.limits["max"]
        if maximum is not None and len(value) > maximum:
            raise self.make_error("max")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise self.make_error("format")
        return value


def is_unicode(text: str) -> bool:
    """Tell whether a text has characters alone; a lone surrogate can't be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Email(String):
    """An e-mail address as RFC 5321 and 5322 allow it in practice; its domain need not answer."""

    def __init__(self, *, max: int = 190, **kwargs: Any) -> None:
        super().__init__(max=max, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        value = super()._deserialize(value, attr, data, **kwargs)
        try:
            if plain := _PLAIN_ADDRESS.fullmatch(value):
                return f"{plain['local']}@{_plain_domain(plain['domain'])}"
            return _checked_address(value).normalized
        except email_validator.EmailNotValidError as error:
            raise self.make_error("email") from error


# A local part that is right as it stands. With capitals it might be a name that RFC 2142 defines.
_PLAIN_ADDRESS = re.compile(
    r"(?=[^@]{1,64}@)(?P<local>[a-z0-9_-]+(\.[a-z0-9_-]+)*)@(?P<domain>[!-?A-~]+)"
)


def _checked_address(value: str) -> email_validator.ValidatedEmail:
    # test_environment: the reserved names of RFC 2606 (.test, .example) are addresses too.
    return email_validator.validate_email(
        value, check_deliverability=False, test_environment=True, strict=True
    )


@functools.lru_cache(maxsize=1024)
def _plain_domain(domain: str) -> str:
    """Return a domain in its normal form. To check it for each address of an import is slow.

    Raises email_validator.EmailNotValidError.
    """
    return _checked_address(f"a@{domain}").domain


class Choice(String):
    """One of a few words; `choices` may map the parameter's words to the model's."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        self.choices = choices if isinstance(choices, Mapping) else {c: c for c in choices}
        super().__init__(**kwargs)
        self.validators = [validate.OneOf(list(self.choices.values()))]
        self.metadata = {"enum": list(self.choices), **self.metadata}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or value not in self.choices:
            raise self.make_error("choice")
        return self.choices[value]


class YesNo(Choice):
    """`yes` or `no`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(("yes", "no"), **kwargs)


class Integer(_Field, fields.Integer):
    """A whole number, as a number or in decimal digits; never a boolean or a fraction."""

    def __init__(self, *, min: int | None = None, max: int = INTEGER_MAX, **kwargs: Any) -> None:
        self.limits = {"min": min, "max": max}
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        number = self._whole(value)
        if number is None:
            raise self.make_error("integer")
        low, high = self.limits["min"], self.limits["max"]
        low = -INTEGER_MAX if low is None else low
        if not low <= number <= high:
            raise self.make_error(self._broken(number, low, high), min=low)
        return number

    @staticmethod
    def _broken(number: int, low: int, high: int) -> str:
        if low > -INTEGER_MAX and high < INTEGER_MAX:
            return "between"
        return "at_most" if number > high else "at_least"

    @staticmethod
    def _whole(value: Any) -> int | None:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
            return None
        return int(value)


class Id(Integer):
    """The id of another record; what can't be one is a wrong choice."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        number = self._whole(value)
        if number is None:
            raise self.make_error("integer")
        if not 0 < number <= INTEGER_MAX:
            raise self.make_error("exists")
        return number


class Decimal(_Field, fields.Float):
    """A number of at most 15 digits, so that it comes back as it was given."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("number")
        text = value if isinstance(value, str) else repr(value)
        if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", text):
            raise self.make_error("number")
        number = float(text)
        if abs(number) > DECIMAL_LIMIT:
            raise self.make_error("between", min=-DECIMAL_LIMIT, max=DECIMAL_LIMIT)
        if number and abs(number) < 1 / DECIMAL_LIMIT:
            raise self.make_error("number")
        return float(format(number, ".15g"))


class Timestamp(_Field, fields.DateTime):
    """A time in ISO 8601, loaded as the API writes times; without an offset it is UTC."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            moment = datetime.datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=datetime.UTC)
            return timestamp(moment)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.make_error("date") from error

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value  # stored as it is written


class Date(_Field, fields.Date):
    """A day, `YYYY-MM-DD`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise self.make_error("date")
        try:
            return datetime.date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise self.make_error("date") from error


class Array(_Field, fields.List):
    """An array of at most `max_items` different elements.

    Blank elements are dropped, and of those that `unique` maps to the same, all but the first.
    """

    def __init__(
        self,
        item: fields.Field,
        *,
        max_items: int | None = None,
        unique: Callable[[Any], Any] = lambda element: element,
        **kwargs: Any,
    ) -> None:
        self.limits = {"max": max_items}
        self.unique = unique
        super().__init__(item, **kwargs)
        if max_items is not None:
            # In words, since JSON Schema's maxItems counts those that are dropped as well.
            said = [self.metadata.get("description"), f"At most {max_items} different ones."]
            self.metadata = {**self.metadata, "description": " ".join(filter(None, said))}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("array")
        loaded: dict[Any, Any] = {}
        errors = {}
        for index, element in enumerate(value):
            if element is None:  # blank
                continue
            try:
                element = self.inner.deserialize(element)
                loaded.setdefault(self.unique(element), element)
            except ma.ValidationError as error:
                key = f"{self.data_key or self.name}.{index}"
                errors[key] = [message.replace("{field}", key) for message in error.messages]
        if errors:
            raise ma.ValidationError(errors)
        if self.limits["max"] is not None and len(loaded) > self.limits["max"]:
            raise self.make_error("max_items")
        return list(loaded.values())
