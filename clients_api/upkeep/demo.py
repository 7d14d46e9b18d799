"""Demo data: made-up customers from all over the world, the same for the same seed.

The names are a list of our own, since what a seed gives must not change with a library. Times are
given by the seed as well.
"""

# ruff: noqa: RUF001 - letters of many scripts, some of which look alike

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from typing import NamedTuple

from clients_api.models import ApiKey, Category, Client, Contact, CustomField, TeamMember
from clients_api.models.base import at, now
from clients_api.models.queries.record import Record
from clients_api.models.user import ADMINISTRATOR, STAFF

KEY = "dev"
START = datetime.datetime(2026, 1, 5, 9, 0, tzinfo=datetime.UTC)
PERIOD = datetime.timedelta(days=150)  # in which all clients are made
SUSPENDED_SHARE = 0.12
OWNERLESS_SHARE = 0.03


class Place(NamedTuple):
    """Where customers come from, and what people and companies are called there."""

    country: str
    city: str
    zip: str
    street: str
    phone: str
    names: tuple[str, ...]  # first and last
    companies: tuple[str, ...]


PLACES = (
    Place(
        "United States", "San Francisco", "94105", "Market St", "+1 415 555",
        ("Jane Doe", "Marcus Reed", "Olivia Brooks", "Tyrone O'Neal"),
        ("Harbor Freight Lines", "Redwood Analytics", "O'Neal & Sons", "Bright Kite Media"),
    ),
    Place(
        "Germany", "Köln", "50667", "Große Straße", "+49 221 555",
        ("Jürgen Groß", "Änne Weiß", "Lukas Böhm", "Heike Schröder"),
        ("Müller Maschinenbau", "Café Größenwahn", "Weiß & Böhm", "Rheinufer Logistik"),
    ),
    Place(
        "France", "Orléans", "45000", "rue de l'École", "+33 2 55 55",
        ("Élodie Lefèvre", "Noël Garçon", "Maëlle Durand", "François Bœuf"),
        ("École du Goût", "Atelier Lefèvre", "L'Œuvre Légère", "Crème & Cie"),
    ),
    Place(
        "Poland", "Łódź", "90-001", "Piotrkowska", "+48 42 555",
        ("Łukasz Żak", "Małgorzata Wójcik", "Święta Dąbek", "Paweł Gęś"),
        ("Żółw Studio", "Piekarnia Źródło", "Łódź Tekstyl", "Dąb i Syn"),
    ),
    Place(
        "Greece", "Αθήνα", "105 57", "Ερμού", "+30 21 5555",
        ("Ελένη Παππά", "Γιώργος Νικολάου", "Σοφία Δήμου", "Νίκος Ρήγας"),
        ("Αφοί Παππά", "Ελιά και Αλάτι", "Αιγαίο Ναυτική", "Φως Εκδόσεις"),
    ),
    Place(
        "Ukraine", "Київ", "01001", "Хрещатик", "+380 44 555",
        ("Олена Шевчук", "Тарас Бондар", "Юлія Їжакевич", "Ганна Щербак"),
        ("Київський Млин", "Щастя Груп", "Ґрунт і Сад", "Дніпро Софт"),
    ),
    Place(
        "Israel", "תל אביב", "6100001", "דיזנגוף", "+972 3 555",
        ("נועה כהן", "יוסי לוי", "מאיה פרץ", "דוד אזולאי"),
        ("בית הקפה הלבן", "לוי ובניו", "גלים תוכנה", "דפוס הירקון"),
    ),
    Place(
        "Egypt", "القاهرة", "11511", "شارع التحرير", "+20 2 5555",
        ("ليلى حسن", "عمر منصور", "فاطمة سالم", "يوسف نجيب"),
        ("شركة النيل", "مخبز السلام", "نور للتصميم", "منصور وأولاده"),
    ),
    Place(
        "India", "मुंबई", "400001", "महात्मा गांधी मार्ग", "+91 22 5555",
        ("प्रिया शर्मा", "राहुल वर्मा", "अनीता जोशी", "विक्रम सिंह"),
        ("शर्मा ट्रेडर्स", "गंगा टेक्सटाइल", "सूर्य ऊर्जा", "मसाला घर"),
    ),
    Place(
        "Thailand", "กรุงเทพฯ", "10110", "ถนนสุขุมวิท", "+66 2 555",
        ("มาลี ใจดี", "สมชาย แสงทอง", "อรทัย วงศ์ใหญ่", "นิรันดร์ ศรีสุข"),
        ("ครัวเจ้าพระยา", "ผ้าไหมทอง", "สยามดิจิทัล", "ช้างขาวขนส่ง"),
    ),
    Place(
        "Japan", "東京", "100-0001", "千代田", "+81 3 5555",
        ("さくら 田中", "健太 佐藤", "ゆい 高橋", "翔 渡辺"),
        ("株式会社さくら", "タナカ製作所", "高橋珈琲店", "ソラ・デザイン"),
    ),
    Place(
        "South Korea", "서울", "04524", "세종대로", "+82 2 555",
        ("지우 김", "민준 이", "서연 박", "도윤 최"),
        ("한강소프트", "김치공방", "별빛출판", "최가네 물류"),
    ),
)  # fmt: skip

TEAM = (
    ("Ada", "Nkemelu", ADMINISTRATOR, "Head of Sales"),
    ("Björn", "Ström", STAFF, "Account Manager"),
    ("玲", "王", STAFF, "Account Manager"),
)
CATEGORIES = (
    ("Retail", "Shops, online and on the street."),
    ("Services", "Agencies, studios and consultants."),
    ("Industry", None),
)
TAGS = ("priority", "retainer", "newsletter", "überfällig", "新規", "référence", "beta")
POSITIONS = ("Managing Director", "Procurement Lead", "Accountant", None)
PLANS = ["Basic", "Plus", "Enterprise"]
DUE_DAYS = (7, 14, 30, None)


def fill(count: int, seed: int) -> Iterator[int]:
    """Fill a new database: the key `dev`, a team, categories, custom fields, and `count` clients.

    Each step of the iterator adds one client. To be run in one transaction.
    """
    chance = random.Random(seed)  # nosec B311 # the same for the same seed
    companies = [(place, name) for place in PLACES for name in place.companies]
    chance.shuffle(companies)
    with at(START):
        categories = [Category.default_id(), *_set_the_stage()]
    step = PERIOD / max(1, count)
    for number in range(count):
        place, name = companies[number % len(companies)]
        if number >= len(companies):
            name += f" {number // len(companies) + 1}"
        moment = START + (number + chance.random()) * step
        with at(moment):
            client = _add_client(chance, number + 1, place, name, chance.choice(categories))
        with at(moment + chance.random() * step):
            _change_client(chance, client)
        yield number


def _set_the_stage() -> list[int]:
    Category.update_row(Category.default_id(), created=now(), updated=now())
    ApiKey.issue(name="demo", key=KEY)
    CustomField.create(name="account_code", title="Account code", type="text")
    CustomField.create(name="plan", title="Plan", type="dropdown", options=PLANS)
    team = [
        TeamMember.create(
            first_name=first_name,
            last_name=last_name,
            email=f"team{number}@office.example",
            role_id=role_id,
            job_position=position,
        )["id"]
        for number, (first_name, last_name, role_id, position) in enumerate(TEAM, 1)
    ]
    categories = []
    for number, (name, description) in enumerate(CATEGORIES, 1):
        category = Category.create(name=name, type="client", description=description)
        Category.assign_team(category["id"], team[:number])
        categories.append(category["id"])
    return categories


def _add_client(
    chance: random.Random, number: int, place: Place, name: str, category_id: int
) -> Record:
    code, plan = (field.id for field in CustomField.definitions())
    owner, *others = chance.sample(place.names, k=chance.randint(1, 3))
    client = Client.register(
        **_person(owner, f"owner@client{number}.example"),
        company_name=name,
        category_id=category_id,
        phone=f"{place.phone} {number:04}",
        website=f"https://client{number}.example",
        billing_street=f"{place.street} {chance.randint(1, 99)}",
        billing_city=place.city,
        billing_zip=place.zip,
        billing_country=place.country,
        billing_invoice_due_days=chance.choice(DUE_DAYS),
        tags=chance.sample(TAGS, k=chance.randint(0, 3)),
        custom={code: f"AC-{number:05}", plan: chance.choice((*PLANS, None))},
    )
    for place_in_line, other in enumerate(others, 1):
        Contact.create(
            **_person(other, f"contact{place_in_line}@client{number}.example"),
            client_id=client["id"],
            job_position=chance.choice(POSITIONS),
        )
    return client


def _change_client(chance: random.Random, client: Record) -> None:
    if chance.random() < SUSPENDED_SHARE:
        Client.change_status(client["id"], "suspended")
    if chance.random() < OWNERLESS_SHARE:
        Contact.remove(client["owner_id"])


def _person(name: str, email: str) -> dict[str, str]:
    first_name, last_name = name.split(" ")
    return {"first_name": first_name, "last_name": last_name, "email": email}
