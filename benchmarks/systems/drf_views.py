"""The serializers and views of Django REST framework; see drf.py."""

from django.db import IntegrityError, transaction
from django.urls import path
from rest_framework import generics, pagination, serializers
from rest_framework.response import Response

from .drf_models import Category, Client, ClientTag, Tag, User, now

STATUSES = ("active", "suspended")


class RefSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class ShippingSerializer(serializers.Serializer):
    street = serializers.CharField(source="shipping_street")
    city = serializers.CharField(source="shipping_city")
    state = serializers.CharField(source="shipping_state")
    zip = serializers.CharField(source="shipping_zip")
    country = serializers.CharField(source="shipping_country")


class BillingSerializer(serializers.Serializer):
    street = serializers.CharField(source="billing_street")
    city = serializers.CharField(source="billing_city")
    state = serializers.CharField(source="billing_state")
    zip = serializers.CharField(source="billing_zip")
    country = serializers.CharField(source="billing_country")
    invoice_due_days = serializers.IntegerField(source="billing_invoice_due_days")


class DatesSerializer(serializers.Serializer):
    created = serializers.CharField()
    updated = serializers.CharField()


class ClientSerializer(serializers.ModelSerializer):
    category = RefSerializer()
    owner = RefSerializer()
    billing = BillingSerializer(source="*")
    shipping = ShippingSerializer(source="*")
    dates = DatesSerializer(source="*")
    tags = serializers.ListField()

    class Meta:
        model = Client
        fields = (
            "id", "company_name", "description", "status", "phone", "website", "vat",
            "category", "owner", "billing", "shipping", "dates", "tags",
        )  # fmt: skip


class QuerySerializer(serializers.Serializer):
    status = serializers.ChoiceField(STATUSES, required=False)
    search = serializers.CharField(required=False)
    order = serializers.ChoiceField(("asc", "desc"), default="desc")


class CreateSerializer(serializers.Serializer):
    first_name = serializers.CharField(max_length=100)
    last_name = serializers.CharField(max_length=100)
    email = serializers.EmailField(max_length=190)
    client_company_name = serializers.CharField(max_length=150, source="company_name")
    client_phone = serializers.CharField(source="phone", required=False)
    client_billing_city = serializers.CharField(source="billing_city", required=False)
    client_billing_country = serializers.CharField(source="billing_country", required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=100), default=list)


class StatusSerializer(serializers.Serializer):
    status = serializers.ChoiceField(STATUSES)


class TagsSerializer(serializers.Serializer):
    tags = serializers.ListField(child=serializers.CharField(max_length=100))


class Pages(pagination.PageNumberPagination):
    page_size = 25
    page_size_query_param = "limit"
    max_page_size = 100

    def get_paginated_response(self, data):
        page = self.page
        meta = {
            "current_page": page.number,
            "per_page": page.paginator.per_page,
            "total": page.paginator.count,
            "last_page": page.paginator.num_pages,
        }
        message = "Clients retrieved successfully."
        return Response({"data": data, "meta": meta, "message": message})


class Cursors(pagination.CursorPagination):
    page_size = 25
    page_size_query_param = "limit"
    max_page_size = 100
    ordering = ("-created", "-id")

    def get_paginated_response(self, data):
        meta = {"per_page": self.page_size, "next_cursor": self.get_next_link()}
        message = "Clients retrieved successfully."
        return Response({"data": data, "meta": meta, "message": message})


def valid(serializer, data):
    loaded = serializer(data=data)
    loaded.is_valid(raise_exception=True)
    return loaded.validated_data


def set_tags(client, titles):
    ClientTag.objects.filter(client=client).delete()
    keys = {title.casefold(): title for title in titles}
    tags = {tag.title_key: tag for tag in Tag.objects.filter(title_key__in=keys)}
    for key, title in keys.items():
        if key not in tags:
            tags[key] = Tag.objects.create(title=title, title_key=key)
    ClientTag.objects.bulk_create(
        ClientTag(client=client, tag=tags[key], position=n) for n, key in enumerate(keys)
    )


def answer(id, what, status=200):
    client = Client.with_relations().get(pk=id)
    message = f"Client {what} successfully."
    return Response({"data": ClientSerializer(client).data, "message": message}, status)


class Clients(generics.ListAPIView):
    serializer_class = ClientSerializer

    @property
    def paginator(self):
        if not hasattr(self, "_paginator"):
            self._paginator = Cursors() if "cursor" in self.request.query_params else Pages()
        return self._paginator

    def get_queryset(self):
        query = valid(QuerySerializer, self.request.query_params)
        sign = "-" if query["order"] == "desc" else ""
        clients = Client.with_relations().order_by(f"{sign}created", f"{sign}id")
        if "status" in query:
            clients = clients.filter(status=query["status"])
        if "search" in query:
            clients = clients.filter(name_key__contains=query["search"].casefold())
        return clients

    def post(self, request):
        body = valid(CreateSerializer, request.data)
        titles = body.pop("tags")
        names = {name: body.pop(name) for name in ("first_name", "last_name", "email")}
        keys = {f"{name}_key": value.casefold() for name, value in names.items()}
        try:
            with transaction.atomic():
                category = Category.objects.get(system_default="yes")
                name_key = body["company_name"].casefold()
                client = Client.objects.create(**body, name_key=name_key, category=category)
                User.objects.create(client=client, **names, **keys)
                set_tags(client, titles)
        except IntegrityError as error:
            raise serializers.ValidationError({"email": "Already taken."}) from error
        return answer(client.id, "created", 201)


class OneClient(generics.GenericAPIView):
    queryset = Client.objects.all()

    def get(self, request, pk):
        client = generics.get_object_or_404(Client.with_relations(), pk=pk)
        data = ClientSerializer(client).data
        return Response({"data": data, "message": "Client retrieved successfully."})


class ClientStatus(generics.GenericAPIView):
    queryset = Client.objects.all()

    @transaction.atomic
    def put(self, request, pk):
        client = self.get_object()
        client.status, client.updated = valid(StatusSerializer, request.data)["status"], now()
        client.save()
        return answer(pk, "status updated")


class ClientTags(generics.GenericAPIView):
    queryset = Client.objects.all()

    @transaction.atomic
    def put(self, request, pk):
        client = self.get_object()
        set_tags(client, valid(TagsSerializer, request.data)["tags"])
        client.updated = now()
        client.save()
        return answer(pk, "tags updated")


urlpatterns = [
    path("api/clients", Clients.as_view()),
    path("api/clients/<int:pk>", OneClient.as_view()),
    path("api/clients/<int:pk>/status", ClientStatus.as_view()),
    path("api/clients/<int:pk>/tags", ClientTags.as_view()),
]
