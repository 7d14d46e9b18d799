"""One call of each kind with the client that openapi-python-client makes of openapi.json (`crm`).

It is checked by mypy with that client, and then run: the arguments are an address and a key.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from typing import TypeVar

from crm import AuthenticatedClient, models
from crm.api.categories import (
    create_category,
    delete_category,
    get_category,
    list_categories,
    migrate_category,
    set_category_team,
    update_category,
)
from crm.api.clients import (
    add_client_tags,
    create_client,
    delete_client,
    get_client,
    list_clients,
    put_client,
    remove_client_tag,
    set_client_owner,
    set_client_status,
    set_client_tags,
    update_client,
)
from crm.api.contacts import (
    create_contact,
    delete_contact,
    get_contact,
    list_contacts,
    set_account_owner,
    update_contact,
)
from crm.api.custom_fields import (
    create_custom_field,
    delete_custom_field,
    get_custom_field,
    list_custom_fields,
    update_custom_field,
)
from crm.api.exchange import export_clients, import_clients
from crm.api.keys import create_key, list_keys, revoke_key
from crm.api.service import health, ready
from crm.api.tags import delete_tag, get_tag, list_tags, rename_tag
from crm.api.team import (
    create_team_member,
    delete_team_member,
    get_team_member,
    list_team,
    update_team_member,
)
from crm.types import File

T = TypeVar("T")


def of(kind: type[T], answer: object) -> T:
    """Return an answer that is of that kind."""
    assert isinstance(answer, kind), answer
    return answer


def clients(http: AuthenticatedClient) -> models.Client:
    """Call what there is for clients but to delete one; return the client."""
    body = models.ClientCreate(
        first_name="Jane",
        last_name="Doe",
        email="jane@acme.example",
        client_company_name="Acme Inc",
        client_phone=None,
        tags=["priority", "retainer"],
        send_email=models.ClientCreateSendEmailType0.NO,
    )
    client = of(models.ClientAnswer, create_client.sync(client=http, body=body)).data
    assert client.status == models.ClientStatus.ACTIVE
    assert client.owner is not None and client.owner.name == "Jane Doe"
    assert client.dates.created.tzinfo is not None
    found = list_clients.sync(
        client=http,
        search="acme",
        tag=["priority"],
        created_after=datetime(2020, 1, 1, tzinfo=UTC),
        include=models.ListClientsInclude.CONTACTS,
    )
    listed = of(models.ClientListAnswer, found)
    assert listed.meta.total == 1
    assert of(list, listed.data[0].contacts)[0].email == "jane@acme.example"
    first = of(models.ClientListAnswer, list_clients.sync(client=http, cursor=""))
    assert first.meta.next_cursor is None
    change = models.ClientChange(client_company_name="Acme Ltd", client_billing_city=None)
    for call in (update_client, put_client):
        changed = of(models.ClientAnswer, call.sync(client.id, client=http, body=change))
        assert changed.data.company_name == "Acme Ltd"
    tags = models.ClientTagsChange(tags=["key account"])
    for call in (set_client_tags, add_client_tags):
        tagged = of(models.ClientAnswer, call.sync(client.id, client=http, body=tags)).data
        assert tagged.tags == ["key account"]
    less = remove_client_tag.sync(client.id, "key account", client=http)
    assert of(models.ClientAnswer, less).data.tags == []
    status = models.ClientStatusChange(status=models.ClientStatusChangeStatus.SUSPENDED)
    suspended = set_client_status.sync(client.id, client=http, body=status)
    assert of(models.ClientAnswer, suspended).data.status == models.ClientStatus.SUSPENDED
    return of(models.ClientAnswer, get_client.sync(client.id, client=http)).data


def forms(http: AuthenticatedClient) -> None:
    """Send the same as both kinds of forms."""
    for kind in (models.CreateClientDataBody, models.CreateClientFilesBody):
        email = f"{kind.__name__.lower()}@acme.example"
        body = kind(
            first_name="Kim", last_name="Lee", email=email, client_billing_invoice_due_days=7
        )
        client = of(models.ClientAnswer, create_client.sync(client=http, body=body)).data
        assert (client.company_name, client.billing.invoice_due_days) == ("Kim Lee", 7)
        of(models.DeletedRecordAnswer, delete_client.sync(client.id, client=http))


def contacts(http: AuthenticatedClient, client: models.Client) -> None:
    body = models.ContactCreate("Kim", "Lee", "kim@acme.example", clientid=client.id)
    contact = of(models.ContactAnswer, create_contact.sync(client=http, body=body)).data
    assert contact.client is not None and contact.client.id == client.id
    listed = list_contacts.sync(client=http, client_id=client.id)
    assert len(of(models.ContactListAnswer, listed).data) == 2
    person = models.ContactChange("Kim", "Lee", "kim@acme.example", position="Buyer")
    of(models.ContactAnswer, update_contact.sync(contact.id, client=http, body=person))
    read = of(models.ContactAnswer, get_contact.sync(contact.id, client=http)).data
    assert read.job_position == "Buyer"
    owner = models.ClientOwnerChange(owner=contact.id)
    owned = of(models.ClientAnswer, set_client_owner.sync(client.id, client=http, body=owner))
    assert owned.data.owner is not None and owned.data.owner.id == contact.id
    assert client.owner is not None
    of(models.ContactAnswer, set_account_owner.sync(client.owner.id, client=http))
    of(models.DeletedRecordAnswer, delete_contact.sync(contact.id, client=http))


def categories_and_team(http: AuthenticatedClient) -> None:
    new = models.CategoryCreate("Retail", models.CategoryCreateCategoryType.CLIENT)
    category = of(models.CategoryAnswer, create_category.sync(client=http, body=new)).data
    change = models.CategoryChange("Shops")
    of(models.CategoryAnswer, update_category.sync(category.id, client=http, body=change))
    read = of(models.CategoryAnswer, get_category.sync(category.id, client=http)).data
    assert (read.name, read.description, read.count) == ("Shops", None, 0)
    listed = of(models.CategoryListAnswer, list_categories.sync(client=http))
    assert listed.meta.total == 2
    who = models.TeamMemberCreate(
        "Sam", "Lee", "sam@crm.example", models.TeamMemberCreateRoleId.VALUE_3
    )
    member = of(models.TeamMemberAnswer, create_team_member.sync(client=http, body=who)).data
    person = models.TeamMemberChange("Sam", "Lee", "sam@crm.example", phone="+1 555 0100")
    of(models.TeamMemberAnswer, update_team_member.sync(member.id, client=http, body=person))
    read_member = of(models.TeamMemberAnswer, get_team_member.sync(member.id, client=http)).data
    assert read_member.phone == "+1 555 0100"
    assert len(of(models.TeamMemberListAnswer, list_team.sync(client=http)).data) == 1
    team = models.CategoryTeam(users=[member.id])
    of(models.CategoryAnswer, set_category_team.sync(category.id, client=http, body=team))
    target = models.CategoryMigrate(target_id=category.id)
    of(models.CategoryAnswer, migrate_category.sync(2, client=http, body=target))
    back = models.CategoryMigrate(target_id=2)
    of(models.CategoryAnswer, migrate_category.sync(category.id, client=http, body=back))
    of(models.DeletedRecordAnswer, delete_category.sync(category.id, client=http))
    of(models.DeletedRecordAnswer, delete_team_member.sync(member.id, client=http))


def tags(http: AuthenticatedClient) -> None:
    listed = of(models.ClientTagListAnswer, list_tags.sync(client=http, search="prio")).data
    rename = models.TagRename(title="urgent")
    of(models.ClientTagAnswer, rename_tag.sync(listed[0].id, client=http, body=rename))
    assert (
        of(models.ClientTagAnswer, get_tag.sync(listed[0].id, client=http)).data.title == "urgent"
    )
    of(models.DeletedRecordAnswer, delete_tag.sync(listed[0].id, client=http))


def custom_fields(http: AuthenticatedClient) -> None:
    new = models.CustomFieldCreate(
        "Grade", models.CustomFieldCreateType.DROPDOWN, options=["a", "b"]
    )
    field = of(models.CustomFieldAnswer, create_custom_field.sync(client=http, body=new)).data
    change = models.CustomFieldChange("Level")
    of(models.CustomFieldAnswer, update_custom_field.sync(field.id, client=http, body=change))
    read = of(models.CustomFieldAnswer, get_custom_field.sync(field.id, client=http)).data
    assert (read.title, read.options) == ("Level", ["a", "b"])
    listed = of(models.CustomFieldListAnswer, list_custom_fields.sync(client=http))
    assert listed.meta.total == 1
    of(models.DeletedRecordAnswer, delete_custom_field.sync(field.id, client=http))


def keys(http: AuthenticatedClient) -> None:
    new = models.KeyCreate("report", scope=models.KeyCreateScopeType0.READ)
    key = of(models.CreatedKeyAnswer, create_key.sync(client=http, body=new)).data
    assert key.key.startswith(key.prefix)
    assert key.last_used is None
    assert len(of(models.KeyListAnswer, list_keys.sync(client=http)).data) == 2
    of(models.DeletedRecordAnswer, revoke_key.sync(key.id, client=http))


def files(http: AuthenticatedClient) -> None:
    exported = of(File, export_clients.sync(client=http)).payload.read()
    assert b"jane@acme.example" in exported
    done = import_clients.sync(
        client=http,
        body=File(io.BytesIO(exported)),
        format_=models.ImportClientsFormat.CSV,
        on_conflict=models.ImportClientsOnConflict.SKIP,
    )
    report = of(models.ImportReportAnswer, done).data
    assert (report.skipped, report.failed, report.errors) == (1, 0, [])


def errors(http: AuthenticatedClient) -> None:
    missing = of(models.ErrorAnswer, get_client.sync(999, client=http))
    assert missing.message == "The client could not be found."
    wrong = models.ClientCreate("Jane", "Doe", "nobody")
    refused = of(models.ErrorAnswer, create_client.sync(client=http, body=wrong))
    told = of(models.ErrorAnswerErrors, refused.errors)
    assert told["email"] == ["The email must be a valid email address."]


def main(address: str, key: str) -> None:
    with AuthenticatedClient(base_url=address, token=key) as http:
        for check in (health, ready):
            of(models.MessageAnswer, check.sync(client=http))
        client = clients(http)
        forms(http)
        contacts(http, client)
        categories_and_team(http)
        tags(http)
        custom_fields(http)
        keys(http)
        files(http)
        errors(http)
        of(models.DeletedRecordAnswer, delete_client.sync(client.id, client=http))


if __name__ == "__main__":
    main(*sys.argv[1:])
