"""Django's models over the tables and indexes of our own schema; see drf.py."""

import datetime

from django.db import models
from django.db.models import Prefetch


def now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Category(models.Model):
    name = models.TextField()
    system_default = models.TextField()

    class Meta:
        app_label, db_table, managed = "benchmark", "category", False


class Tag(models.Model):
    title = models.TextField()
    title_key = models.TextField(unique=True)
    created = models.TextField(default=now)
    updated = models.TextField(default=now)

    class Meta:
        app_label, db_table, managed = "benchmark", "tag", False


class Client(models.Model):
    company_name = models.TextField()
    name_key = models.TextField()
    description = models.TextField(null=True)
    status = models.TextField(default="active")
    phone = models.TextField(null=True)
    website = models.TextField(null=True)
    vat = models.TextField(null=True)
    category = models.ForeignKey(Category, models.PROTECT)
    billing_street = models.TextField(null=True)
    billing_city = models.TextField(null=True)
    billing_state = models.TextField(null=True)
    billing_zip = models.TextField(null=True)
    billing_country = models.TextField(null=True)
    billing_invoice_due_days = models.IntegerField(null=True)
    shipping_street = models.TextField(null=True)
    shipping_city = models.TextField(null=True)
    shipping_state = models.TextField(null=True)
    shipping_zip = models.TextField(null=True)
    shipping_country = models.TextField(null=True)
    created = models.TextField(default=now)
    updated = models.TextField(default=now)

    class Meta:
        app_label, db_table, managed = "benchmark", "client", False

    @classmethod
    def with_relations(cls):
        """Return all clients, to be read with their category, owner and tags."""
        owners = User.objects.filter(account_owner="yes")
        links = ClientTag.objects.select_related("tag").order_by("position")
        return cls.objects.select_related("category").prefetch_related(
            Prefetch("users", owners, to_attr="owners"), Prefetch("tag_links", links)
        )

    @property
    def owner(self):
        return self.owners[0] if self.owners else None

    @property
    def tags(self):
        return [link.tag.title for link in self.tag_links.all()]


class User(models.Model):
    client = models.ForeignKey(Client, models.CASCADE, null=True, related_name="users")
    first_name = models.TextField()
    first_name_key = models.TextField()
    last_name = models.TextField()
    last_name_key = models.TextField()
    email = models.TextField()
    email_key = models.TextField(unique=True, null=True)
    type = models.TextField(default="client")
    account_owner = models.TextField(default="yes")
    status = models.TextField(default="active")
    role_id = models.IntegerField(default=2)
    created = models.TextField(default=now)
    updated = models.TextField(default=now)

    class Meta:
        app_label, db_table, managed = "benchmark", "user", False

    @property
    def name(self):
        return f"{self.first_name} {self.last_name}"


class ClientTag(models.Model):
    pk = models.CompositePrimaryKey("client_id", "tag_id")
    client = models.ForeignKey(Client, models.CASCADE, related_name="tag_links")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")
    position = models.IntegerField()

    class Meta:
        app_label, db_table, managed = "benchmark", "client_tag", False
