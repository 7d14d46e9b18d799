"""Clients, as the contract's section 2 describes them."""

from conftest import expect_error


def test_a_missing_client_is_404(api):
    expect_error(api.get("/clients/1"), 404, "The client could not be found.")


def test_creating_a_client_makes_its_owner(api, make_client):
    client = make_client(client_company_name="Acme Inc")
    assert client["owner"]["name"] == "Jane Doe"
