"""E-mail addresses: what the email-validator package takes for one, and its normal form."""

import email_validator
import marshmallow
import pytest

from clients_api.schemas.client import ClientCreateSchema

LOCAL = ("jane", "jane.doe", "j_d-1", "Jane", "INFO", "postmaster", ".jane", "jane.", "a..b", "a b",
         "", "x" * 64, "x" * 65, '"a b"', "jané", "a@b", "Jane <jane", "a+b", "-", "1")  # fmt: skip
DOMAIN = ("acme.example", "ACME.Example", "exämple.test", "localhost", "acme", "a_b.test",
          "-a.test",
          "a..test", "a.test.", "[127.0.0.1]", "xn--exmple-cua.test", "", "a b.test", "a.test>",
          f"{'x' * 64}.test", "1.2.3.4", "b.test@c.test")  # fmt: skip


@pytest.mark.parametrize("domain", DOMAIN)
def test_an_address_is_what_the_library_says(domain):
    field = ClientCreateSchema().fields["email"]
    for address in (f"{local}@{domain}" for local in LOCAL):
        try:
            expected = email_validator.validate_email(
                address, check_deliverability=False, test_environment=True, strict=True
            ).normalized
        except email_validator.EmailNotValidError:
            expected = None
        for _ in range(2):  # the second time from what is remembered of the first
            try:
                found = field.deserialize(address)
            except marshmallow.ValidationError:
                found = None
            assert found == expected, address
