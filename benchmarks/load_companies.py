"""Load real companies and universities over HTTP, change them, and find every one again.

The companies come once more, written in other ways, and are found to be duplicates.

Prints how long each step took. Exits 1 if a single request fails or a single count is off.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from clients_api.models.queries.folding import plain

from .caller import Caller, Failed
from .server import running

PAGE = 100
LEGAL_FORMS = ("Inc.", "Incorporated", "Corp", "plc", "Co.", "Corporation", "Company", "Ltd.")
FOUND_SHARE = 0.95  # of companies that are there twice, at least
SORTS = ("client_company_name", "client_status", "client_created", "client_updated")
Row = dict[str, Any]


def load(caller: Caller, companies: list[Row], universities: list[Row]) -> None:
    """Load both lists into a service that has no clients yet, and check it at each step."""
    with caller.step("categories"):
        sectors = sorted({row["GICS Sector"] for row in companies})
        made = caller.each(create_category, [(caller, sector) for sector in sectors])
        ids = dict(zip(sectors, made, strict=True))
    with caller.step("companies"):
        rows = [(caller, company(row, ids)) for row in companies]
        clients = caller.each(create_client, rows)
        sizes = Counter(ids[row["GICS Sector"]] for row in companies)
        expect_counts(caller, sizes)
    with caller.step("contacts"):
        people = [(caller, client, name) for client in clients for name in ("Ann", "Bob")]
        contacts = caller.each(create_contact, people)
        caller.expect("contacts", total(caller, "/contacts"), 3 * len(companies))
    with caller.step("owners"):
        pairs = zip(clients, contacts[::2], contacts[1::2], strict=True)
        caller.each(change_owner, [(caller, *pair) for pair in pairs])
        owners = total(caller, "/contacts", account_owner="yes")
        caller.expect("owners", owners, len(companies))
    with caller.step("merge of two sectors"):
        merge(caller, sizes, *list(ids.values())[:2])
    with caller.step("universities"):
        rows = [(caller, university(n, row)) for n, row in enumerate(universities)]
        clients += caller.each(create_client, rows)
        caller.expect("clients", total(caller, "/clients"), len(clients))
    titles = [row["Security"] for row in companies] + [row["name"] for row in universities]
    names = dict(zip(clients, titles, strict=True))
    with caller.step("search for each company"):
        caller.each(find, [(caller, names[id], id) for id in clients[: len(companies)]])
    with caller.step("search without accents"):
        accented = [id for id, name in names.items() if not name.isascii()]
        caller.each(find, [(caller, plain(names[id]).upper(), id) for id in accented])
    for walk in (by_page, by_cursor):
        with caller.step(f"walks {walk.__name__.replace('_', ' ')}"):
            orders = [(caller, sort, order) for sort in SORTS for order in ("asc", "desc")]
            for (_, *how), seen in zip(orders, caller.each(walk, orders), strict=True):
                if how[0] == SORTS[0]:
                    by_name = sorted((plain(name.strip()), id) for id, name in names.items())
                    ids = [id for _, id in by_name]
                    ordered = ids if how[1] == "asc" else ids[::-1]
                    caller.expect(f"places off in the walk {how}", seen == ordered, True)
                caller.expect(f"rows of the walk {how}", len(seen or ()), len(clients))
                caller.expect(f"clients missing in the walk {how}", {*clients} - {*seen}, set())
    with caller.step("misspelt companies"):
        rows = [(caller, misspelt_company(n, row)) for n, row in enumerate(companies)]
        twins = caller.each(create_client, rows)
    with caller.step("duplicates by name"):
        find_duplicates(caller, clients, twins)


def find_duplicates(caller: Caller, clients: list[int], twins: list[int]) -> None:
    """Look for each company's twin, and for companies that only look like one.

    In: the ids of companies and of all others behind them; those of the twins, in their order.
    """
    groups = [{client["id"] for client in group["clients"]} for group in duplicates(caller)]
    companies = clients[: len(twins)]
    found = sum(
        any({*pair} <= group for group in groups) for pair in zip(companies, twins, strict=True)
    )
    caller.expect("enough twins found", found >= FOUND_SHARE * len(twins), True)
    false = [group & {*companies} for group in groups if len(group & {*companies}) > 1]
    caller.expect("companies taken for another", false, [])
    others = {*clients[len(twins) :]}
    alike = sum(len(group & others) > 1 for group in groups)
    click.echo(f"{found} of {len(twins)} twins found, {alike} groups of universities alike")


def duplicates(caller: Caller) -> Iterator[Row]:
    """Return the groups of clients of one name, page after page."""
    cursor: str | None = ""
    while cursor is not None:
        answer = caller.get("/clients/duplicates", by="name", limit=PAGE, cursor=cursor)
        yield from answer["data"]
        cursor = answer["meta"]["next_cursor"]


def misspelt_company(number: int, row: Row) -> Row:
    """Make the body of a client that is a company once more, written in another way."""
    name = re.sub(rf",? ({'|'.join(map(re.escape, LEGAL_FORMS))})$", "", row["Security"])
    name = f"{name}{(' ', ', ')[number % 2]}{LEGAL_FORMS[number % len(LEGAL_FORMS)]}"
    spell = (str.upper, str.lower, lambda text: re.sub(r"[^\w\s]", " ", text))[number % 3]
    return {
        "first_name": "Twin",
        "last_name": row["Symbol"],
        "email": f"twin@{row['Symbol'].lower()}.example",
        "client_company_name": spell(name).strip(),
    }


def company(row: Row, categories: dict[str, int]) -> Row:
    """Make the body that creates the client for a row of the list of companies."""
    symbol = row["Symbol"]
    city, _, state = row["Headquarters Location"].partition(", ")
    return {
        "first_name": "Owner",
        "last_name": symbol,
        "email": f"owner@{symbol.lower()}.example",
        "client_company_name": row["Security"],
        "client_categoryid": categories[row["GICS Sector"]],
        "client_billing_city": city,
        "client_billing_state": state,
        "tags": [symbol],
    }


def university(number: int, row: Row) -> Row:
    """Make the body that creates the client for a university."""
    domain = re.sub("[^a-z0-9]+", "-", row["domains"][0].lower()).strip("-")
    return {
        "first_name": "Registrar",
        "last_name": row["alpha_two_code"],
        "email": f"registrar{number}@{domain}.example",
        "client_company_name": row["name"],
        "client_billing_country": row["country"],
        "client_billing_state": row["state-province"],
        "client_website": row["web_pages"][0],
    }


def create_category(caller: Caller, name: str) -> int:
    body = {"category_name": name, "category_type": "client"}
    return caller.call("POST", "/categories", body)["data"]["id"]


def create_client(caller: Caller, body: Row) -> int:
    client = caller.call("POST", "/clients", body)["data"]
    caller.expect("company name", client["company_name"], body["client_company_name"])
    return client["id"]


def create_contact(caller: Caller, client: int, name: str) -> int:
    body = {
        "first_name": name,
        "last_name": f"of {client}",
        "email": f"{name.lower()}@client{client}.example",
        "clientid": client,
    }
    return caller.call("POST", "/contacts", body)["data"]["id"]


def change_owner(caller: Caller, client: int, first: int, second: int) -> None:
    """Make the first contact the owner, then the second, by the two ways that there are."""
    answer = caller.call("PUT", f"/clients/{client}/owner", {"owner": first})
    caller.expect("owner", answer["data"]["owner"]["id"], first)
    answer = caller.call("PUT", f"/contacts/{second}/account-owner")
    caller.expect("account owner", answer["data"]["account_owner"], "yes")
    answer = caller.get(f"/clients/{client}")
    caller.expect("owner", answer["data"]["owner"]["id"], second)


def merge(caller: Caller, sizes: Counter[int], source: int, target: int) -> None:
    """Move the clients of one category to another and delete it."""
    caller.call("PUT", f"/categories/{source}/migrate", {"target_id": target})
    sizes = sizes.copy()
    sizes[target] += sizes[source]
    sizes[source] = 0
    expect_counts(caller, sizes)
    caller.call("DELETE", f"/categories/{source}")


def expect_counts(caller: Caller, sizes: Counter[int]) -> None:
    """Check how many clients the categories have: as they say, and as the list says."""
    for id, size in sizes.items():
        count = caller.get(f"/categories/{id}")["data"]["count"]
        caller.expect(f"count of category {id}", count, size)
        listed = total(caller, "/clients", category_id=id)
        caller.expect(f"clients of category {id}", listed, size)


def total(caller: Caller, path: str, **query: Any) -> int:
    return caller.get(path, limit=1, **query)["meta"]["total"]


def find(caller: Caller, name: str, client: int) -> None:
    """Search for a full name, which must find the client."""
    if client not in by_page(caller, search=name):
        raise Failed(f"A search for {name!r} does not find client {client}.")


def by_page(caller: Caller, sort: str = SORTS[0], order: str = "asc", **query: Any) -> list[int]:
    """Return the ids of a list in its order, page after page by number."""
    seen: list[int] = []
    page, last = 1, 1
    while page <= last:
        answer = caller.get("/clients", limit=PAGE, page=page, sort=sort, order=order, **query)
        seen += [client["id"] for client in answer["data"]]
        page, last = page + 1, answer["meta"]["last_page"]
    return seen


def by_cursor(caller: Caller, sort: str, order: str) -> list[int]:
    """Return the ids of a list in its order, page after page by cursor."""
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = caller.get("/clients", limit=PAGE, cursor=cursor, sort=sort, order=order)
        seen += [client["id"] for client in answer["data"]]
        cursor = answer["meta"]["next_cursor"]
    return seen


def print_figures(caller: Caller) -> None:
    """Print a line for each step, and one for all."""
    seconds = sum(step.seconds for step in caller.steps)
    all_steps = ("all", seconds, caller.requests, len(caller.failures))
    click.echo(f"{'step':<26}{'seconds':>9}{'requests':>10}{'failed':>8}{'requests/s':>12}")
    for name, seconds, requests, failed in (*caller.steps, all_steps):
        rate = requests / seconds
        click.echo(f"{name:<26}{seconds:>9.2f}{requests:>10,}{failed:>8}{rate:>12,.0f}")


@click.command(help=__doc__)
@click.option("--sp500", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--universities", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--url", help="The API of a running server with no clients; else one is started.")
@click.option("--key", help="An admin or write key of that server.")
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1, 64))
def main(sp500: Path, universities: Path, url: str | None, key: str | None, threads: int) -> None:
    if (url is None) != (key is None):
        raise click.UsageError("Give both --url and --key, or neither.")
    with sp500.open(encoding="utf-8-sig", newline="") as file:
        companies = list(csv.DictReader(file))
    schools = json.loads(universities.read_text(encoding="utf-8"))
    with ExitStack() as stack:
        if url is None or key is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url, key = stack.enter_context(running(Path(folder)))
        caller = Caller(url, key, threads)
        stack.callback(caller.close)
        load(caller, companies, schools)
    print_figures(caller)
    sys.exit(1 if caller.failures else 0)


if __name__ == "__main__":
    main()
