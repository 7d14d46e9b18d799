"""Search: any part of a name, in any case and every script, with no character that means more."""

import re
import unicodedata
from urllib.parse import quote

import pytest
from conftest import expect_error

from clients_api.models import Client
from clients_api.models.client import search as client_search
from clients_api.models.engines.current import using
from clients_api.models.queries import selection

NAMES = [
    "Acme Inc",
    "École Supérieure",
    "STRASSENBAU Müller & Söhne",
    "Straßenbau Groß",
    "Ελληνικός Οδυσσεύς",
    "İstanbul Ticaret",
    "Привет Мир Цех",
    "株式会社日本",
    "서울상사",
    "شركة النور",
    "חברה בעמ",
    "บริษัทไทย",
    "हिन्दी भारत",
    "𐐀𐐁 Deseret",
    "😀 Smile & Co",
    "100% Cotton",
    "under_score",
    'He said "hi"',
    "O'Brien",
    "a*b",
    "back\\slash",
    "semi;colon -- drop",
    "(paren) AND OR NOT",
    "Ωmega",
    "ﬁnance",
    "Cafe\u0301 Noir",
    "Łódź Tekstyl",
    "Ærø Færge",
    "Ёлка",
    "が株式",
    "a ≠ b",
]


@pytest.fixture
def find(api, make_client):
    for name in NAMES:
        make_client(client_company_name=name)

    def search(needle):
        response = api.get(f"/clients?limit=100&search={quote(needle)}")
        assert response.status_code == 200, response.get_json()
        body = response.get_json()
        assert body["meta"]["total"] == len(body["data"])
        return {client["company_name"] for client in body["data"]}

    return search


def expected(needle):
    """Say with Python alone which names hold the needle: Unicode's caseless match, no accents."""

    def key(text):
        text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
        text = text.translate(str.maketrans({"ł": "l", "ø": "o", "æ": "ae"}))
        return unicodedata.normalize("NFC", re.sub("(?<=\\w)[\u0300-\u036f]+", "", text))

    return {name for name in NAMES if key(needle) in key(name)}


FOUND = (
    ("ACME", {"Acme Inc"}),
    ("cme i", {"Acme Inc"}),
    ("éCOLE", {"École Supérieure"}),
    ("e\u0301cole", {"École Supérieure"}),
    ("ECOLE super", {"École Supérieure"}),
    ("ècôlë", {"École Supérieure"}),
    ("muller & sohne", {"STRASSENBAU Müller & Söhne"}),
    ("οδυσσευσ", {"Ελληνικός Οδυσσεύς"}),
    ("lodz", {"Łódź Tekstyl"}),
    ("ŁÓDŹ", {"Łódź Tekstyl"}),
    ("aero", {"Ærø Færge"}),
    ("елка", {"Ёлка"}),
    ("か", set()),
    ("が", {"が株式"}),
    ("か\u3099", {"が株式"}),
    ("=", set()),
    ("≠", {"a ≠ b"}),
    ("CAFÉ", {"Cafe\u0301 Noir"}),
    ("strasse", {"STRASSENBAU Müller & Söhne", "Straßenbau Groß"}),
    ("STRAẞE", {"STRASSENBAU Müller & Söhne", "Straßenbau Groß"}),
    ("groß", {"Straßenbau Groß"}),
    ("GROSS", {"Straßenbau Groß"}),
    ("ß", {"STRASSENBAU Müller & Söhne", "Straßenbau Groß"}),
    ("ΟΔΥΣΣΕΎΣ", {"Ελληνικός Οδυσσεύς"}),
    ("ελληνικόσ", {"Ελληνικός Οδυσσεύς"}),
    ("istanbul", {"İstanbul Ticaret"}),
    ("İSTANBUL", {"İstanbul Ticaret"}),
    ("ISTANBUL", {"İstanbul Ticaret"}),
    ("i\u0307stanbul", {"İstanbul Ticaret"}),
    ("привет", {"Привет Мир Цех"}),
    ("日本", {"株式会社日本"}),
    ("会", {"株式会社日本"}),
    ("式会社", {"株式会社日本"}),
    ("서울", {"서울상사"}),
    ("النور", {"شركة النور"}),
    ("חברה", {"חברה בעמ"}),
    ("ไทย", {"บริษัทไทย"}),
    ("भारत", {"हिन्दी भारत"}),
    ("𐐨𐐩", {"𐐀𐐁 Deseret"}),
    ("😀", {"😀 Smile & Co"}),
    ("😀 s", {"😀 Smile & Co"}),
    ("ω", {"Ωmega"}),
    ("FIN", {"ﬁnance"}),
    ("%", {"100% Cotton"}),
    ("0% ", {"100% Cotton"}),
    ("100% c", {"100% Cotton"}),
    ("_", {"under_score"}),
    ("r_s", {"under_score"}),
    ('"', {'He said "hi"'}),
    ('"hi"', {'He said "hi"'}),
    ('""', set()),
    ("'", {"O'Brien"}),
    ("O'B", {"O'Brien"}),
    ("*", {"a*b"}),
    ("a*b", {"a*b"}),
    ("acm*", set()),
    ("\\", {"back\\slash"}),
    ("k\\s", {"back\\slash"}),
    ("; --", set()),
    ("-- d", {"semi;colon -- drop"}),
    ("(paren)", {"(paren) AND OR NOT"}),
    ("AND OR", {"(paren) AND OR NOT"}),
    ("NOT acme", set()),
    ("name_key:acme", set()),
    ("{acme}", set()),
    ("^acme", set()),
    ("xyzzy", set()),
)


def test_a_part_of_the_name_finds_it(find):
    for needle, names in FOUND:
        assert find(needle) == names, needle


def test_every_piece_of_every_name_finds_what_python_says(find):
    for name in NAMES:
        for length in (1, 2, 3, 5):
            for start in range(0, len(name) - length + 1, 3):
                needle = name[start : start + length].strip().swapcase()
                # Half a letter, where a mark stands alone, is a needle that no one types.
                if needle and not unicodedata.combining(needle[0]):
                    assert find(needle) == expected(needle), needle


def test_a_blank_search_finds_all(find):
    assert find("") == find("  ") == set(NAMES)


@pytest.mark.parametrize("path", ["/clients", "/contacts", "/categories", "/team", "/tags"])
def test_nul_finds_nothing_and_says_so(api, path):
    # It once found everything.
    for needle in ("%00", "acme%00", "%00%00%00%00"):
        response = api.get(f"{path}?search={needle}")
        expect_error(response, 422, search="The search contains characters that are not allowed.")


def test_a_renamed_client_is_found_under_its_new_name_alone(api, find):
    client = api.get("/clients?search=acme").get_json()["data"][0]
    api.patch(f"/clients/{client['id']}", {"client_company_name": "Zebra"})
    assert find("acme") == set()
    assert find("zeb") == {"Zebra"}
    assert find("ze") == {"Zebra"}


def test_a_deleted_client_is_not_found(api, find):
    client = api.get("/clients?search=acme").get_json()["data"][0]
    api.delete(f"/clients/{client['id']}")
    assert "Acme Inc" not in find("acme") | find("ac")


def test_a_search_is_one_filter_among_others(api, find):
    client = api.get("/clients?search=acme").get_json()["data"][0]
    api.put(f"/clients/{client['id']}/status", {"status": "suspended"})
    for needle in ("acme", "cm"):
        for status, total in (("suspended", 1), ("active", 0)):
            found = api.get(f"/clients?search={needle}&status={status}").get_json()
            assert found["meta"]["total"] == total


def test_a_very_long_search_finds_nothing(find):
    """4,000 characters took half a second, and no name has so many."""
    assert find("x" * 4000) == find("e\u0301" * 2000) == find("ﬃ" * 1400) == set()


def test_the_longest_name_is_found_by_all_of_it(api, make_client):
    # Of each of these letters folding makes three.
    made = make_client(client_company_name="ﬃ" * 150)["id"]
    for needle in ("ﬃ" * 150, "ffi" * 150):
        found = api.get("/clients", query_string={"search": needle}).get_json()["data"]
        assert [client["id"] for client in found] == [made]
    assert api.get("/clients", query_string={"search": "ffi" * 151}).get_json()["data"] == []


def test_long_needles_are_found_in_few_names_and_in_many(app, monkeypatch):
    monkeypatch.setattr(selection, "DEEP", 50)
    with using(app.database):
        with app.database.atomic():
            for number in range(client_search.FEW + 100):
                Client.register_ownerless(company_name=f"Common Name {number}, number {number}")
        for needle, hits in (
            ("n", 600),
            ("number", 600),
            ("common name", 600),  # each part of it is in too many names to look at
            ("name 599, number 599", 1),
            ("n name 7", 11),  # 7, and 70 to 79
            ("name 599, number 598", 0),  # each part of it is in a name
            ("common names", 0),
            ('comm"on n*me', 0),
        ):
            for filters in ({}, {"status": "active"}):
                found = Client.matching(search=needle, **filters)
                how = {"sort": "id", "descending": False, "limit": 700}
                names = [row[1] for row in found.page(offset=0, **how)]
                assert found.total() == len(names) == len(list(found.stream()))
                assert names == [row[1] for row in found.after(None, **how)]
                assert len(names) == hits
                assert all(needle in name.lower() for name in names)
                # Of many the first are found by walking the list, the others by looking all up.
                for offset in (0, 3, 300, 300, 309, 590):
                    part = found.page(offset=offset, **how | {"limit": 7}, total=hits)
                    assert [row[1] for row in part] == names[offset : offset + 7]
                by_name = found.page(sort="name", descending=True, limit=9, offset=0, total=hits)
                assert [row[1] for row in by_name] == sorted(names, reverse=True)[:9]


@pytest.mark.parametrize("path", ["/contacts", "/team"])
def test_people_are_found_by_names_address_and_phone(api, path):
    body = {
        "first_name": "Émile",
        "last_name": "Zola",
        "email": "emile@plume.example",
        "phone": "+33 1 Ext 5",
        **({"type": "contact"} if path == "/contacts" else {"role_id": 3}),
    }
    assert api.post(path, body).status_code == 201
    for needle, found in {
        "ÉMILE": 1,
        "e\u0301mile": 1,
        "zola": 1,
        "émile zola": 1,
        "EMILE@": 1,
        "@Plume.example": 1,
        "+33 1": 1,
        "EXT": 1,
        "%": 0,
        "_": 0,
        "nobody": 0,
    }.items():
        body = api.get(f"{path}?search={quote(needle)}").get_json()
        assert body["meta"]["total"] == len(body["data"]) == found, needle


def test_tags_and_categories_are_found_by_a_part_of_their_name(api, make_client):
    make_client(tags=["école", "50%"])
    for title in ("école", "50%"):
        api.post("/categories", {"category_name": title, "category_type": "client"})
    for needle, titles in {"ÉC": ["école"], "%": ["50%"], "_": [], "O": ["école"]}.items():
        tags = api.get(f"/tags?search={quote(needle)}").get_json()["data"]
        assert [tag["title"] for tag in tags] == titles
        categories = api.get(f"/categories?search={quote(needle)}").get_json()["data"]
        assert [category["name"] for category in categories] == titles


def test_what_is_no_character_is_found_as_what_stands_for_it(api, make_client):
    made = make_client(client_company_name="Acme\uffff Inc")["id"]
    for needle in ("\uffff", "\ufffe", "\ufffd", "e\uffff i"):
        found = api.get("/clients", query_string={"search": needle}).get_json()["data"]
        assert [client["id"] for client in found] == [made]
