"""The team: staff users."""

from __future__ import annotations

from marshmallow import fields

from clients_api.models.user import ADMINISTRATOR, STAFF, STATUSES

from .base import AnswerSchema, Group, RecordDatesSchema, text
from .contact import PersonChangeSchema, SocialLinksSchema, person_list_query
from .fields import Integer, YesNo
from .fields.metadata import told

ROLE_IDS = (ADMINISTRATOR, STAFF)
ROLE = told(f"{ADMINISTRATOR} is an administrator, {STAFF} staff.", STAFF, enum=list(ROLE_IDS))


class TeamRoleRefSchema(AnswerSchema):
    """The role of a team member: what they may do in the program that shows them."""

    id = fields.Integer(
        attribute="role_id", metadata=told("The id of the role.", STAFF, enum=list(ROLE_IDS))
    )
    name = fields.String(attribute="role_name", metadata=told("Its name.", "Staff"))


class TeamMemberSchema(AnswerSchema):
    """A staff user."""

    id = fields.Integer(metadata=told("The id of the team member.", 7))
    first_name = fields.String(metadata=told("First name.", "Sam"))
    last_name = fields.String(metadata=told("Last name.", "Lee"))
    name = fields.String(metadata=told("First and last name.", "Sam Lee"))
    email = fields.String(metadata=told("Their e-mail address.", "sam@crm.example"))
    phone = text("Phone number, as it was written.")
    job_position = text("What they do.", "Account manager")
    dashboard_access = fields.String(
        metadata=told("`yes` for all of the team.", "yes", enum=["yes"])
    )
    status = fields.String(metadata=told("Whether they work here.", "active", enum=list(STATUSES)))
    role = Group(TeamRoleRefSchema)
    social = Group(SocialLinksSchema)
    dates = Group(RecordDatesSchema)


class RoleId(Integer):
    """The id of a role of the team."""

    def _deserialize(self, value, attr, data, **kwargs):
        number = super()._deserialize(value, attr, data, **kwargs)
        if number not in ROLE_IDS:
            raise self.make_error("choice")
        return number


class TeamMemberCreateSchema(PersonChangeSchema):
    """A staff user with a role."""

    role_id = RoleId(required=True, metadata=ROLE)
    send_email = YesNo(metadata=told("`yes` queues the welcome e-mail."))


class TeamMemberChangeSchema(PersonChangeSchema):
    """What may be changed of a staff user; what is left out stays as it is."""

    role_id = RoleId(metadata=ROLE, allow_none=False)


TeamListQuerySchema = person_list_query(
    "TeamListQuerySchema",
    role_id=RoleId(metadata=told("Only those of this role.", enum=list(ROLE_IDS))),
)
