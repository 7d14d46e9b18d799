"""All models, one file each."""

from .assignment import CategoryUser
from .category import Category
from .client import Client, ClientTotal
from .client.stored import ClientMerged
from .contact import Contact
from .custom_field import CustomField, CustomValue
from .events import Event
from .idempotency import Idempotency
from .key import ApiKey
from .mail import Mail
from .tag import ClientTag, Tag
from .team import TeamMember
from .user import User
from .webhook import Webhook

__all__ = [
    "ApiKey",
    "Category",
    "CategoryUser",
    "Client",
    "ClientMerged",
    "ClientTag",
    "ClientTotal",
    "Contact",
    "CustomField",
    "CustomValue",
    "Event",
    "Idempotency",
    "Mail",
    "Tag",
    "TeamMember",
    "User",
    "Webhook",
]
