"""The team: staff users."""

from __future__ import annotations

from marshmallow import fields

from clients_api.models.user import ADMINISTRATOR, STAFF

from .base import DatesSchema, Group, Schema, text
from .contact import PersonChangeSchema, SocialSchema, person_list_query
from .fields import Integer, YesNo

ROLE_IDS = (ADMINISTRATOR, STAFF)


class TeamRoleSchema(Schema):
    id = fields.Integer(attribute="role_id", metadata={"example": 3, "enum": list(ROLE_IDS)})
    name = fields.String(attribute="role_name", metadata={"example": "Staff"})


class TeamMemberSchema(Schema):
    """A staff user."""

    id = fields.Integer(metadata={"example": 7})
    first_name = fields.String(metadata={"example": "Sam"})
    last_name = fields.String(metadata={"example": "Lee"})
    name = fields.String(metadata={"example": "Sam Lee"})
    email = fields.String(metadata={"example": "sam@crm.example"})
    phone = text()
    job_position = text("Account manager")
    dashboard_access = fields.String(metadata={"example": "yes"})
    status = fields.String(metadata={"example": "active"})
    role = Group(TeamRoleSchema)
    social = Group(SocialSchema)
    dates = Group(DatesSchema)


class RoleId(Integer):
    """The id of a role of the team."""

    def _deserialize(self, value, attr, data, **kwargs):
        number = super()._deserialize(value, attr, data, **kwargs)
        if number not in ROLE_IDS:
            raise self.make_error("choice")
        return number


class TeamMemberCreateSchema(PersonChangeSchema):
    """A staff user with a role."""

    role_id = RoleId(required=True, metadata={"example": 3, "enum": list(ROLE_IDS)})
    send_email = YesNo(metadata={"description": "`yes` queues the welcome e-mail."})


class TeamMemberChangeSchema(PersonChangeSchema):
    """What may be changed of a staff user; what is left out stays as it is."""

    role_id = RoleId(metadata={"example": 3, "enum": list(ROLE_IDS)}, allow_none=False)


TeamListQuerySchema = person_list_query(
    "TeamListQuerySchema", role_id=RoleId(metadata={"enum": list(ROLE_IDS)})
)
