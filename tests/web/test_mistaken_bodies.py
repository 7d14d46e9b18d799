"""Bodies that are not quite what their Content-Type says, as tools send them by mistake."""

from __future__ import annotations

import pytest
from conftest import expect_error

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("data", ['{"first_name":"A"}', ' \n{"first_name":', "[1]", "\ufeff{}"])
def test_json_that_is_sent_as_a_form_is_told_so(shared_api, data):
    # curl -d says that it is a form; the answer was that all names are missing.
    response = shared_api.post("/clients", data=data.encode(), content_type=FORM)
    message = (
        f"The body looks like JSON, but its Content-Type is {FORM}; "
        "send it with the header Content-Type: application/json."
    )
    expect_error(response, 400, message)


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8"])
def test_a_byte_order_mark_before_json_is_taken(api, make_client, kind):
    path = f"/clients/{make_client()['id']}"
    data = b'\xef\xbb\xbf{"client_company_name": "\xc3\x89cole"}'
    answer = api.patch(path, data=data, content_type=kind)
    assert answer.get_json()["data"]["company_name"] == "\u00c9cole"
    form = api.patch(path, data=b"\xef\xbb\xbfclient_company_name=A", content_type=FORM)
    assert form.get_json()["data"]["company_name"] == "A"
    expect_error(api.patch(path, data=b"\xef\xbb\xbf{", content_type=JSON), 400)
