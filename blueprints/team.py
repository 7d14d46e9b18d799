"""The team: staff users."""

from __future__ import annotations

from clients_api.models import TeamMember
from clients_api.models.forgetting import erasing
from clients_api.schemas.base import DeletedRecordSchema, DeleteQuerySchema
from clients_api.schemas.team import (
    TeamListQuerySchema,
    TeamMemberChangeSchema,
    TeamMemberCreateSchema,
    TeamMemberSchema,
)
from clients_api.web.api import Blueprint
from clients_api.web.operation import Resource

blp = Blueprint(
    "team",
    __name__,
    resource=Resource("team member", TeamMemberSchema, TeamMember.find),
    description="Staff users, who may look after categories. They log in nowhere here.",
)


@blp.get("/team")
@blp.arguments(TeamListQuerySchema, location="query")
@blp.response(200, TeamMemberSchema, message="Team members retrieved successfully.", many=True)
def list_team(query):
    """List team members."""
    return TeamMember.matching(**query)


@blp.get("/team/<id:id>")
@blp.response(200, TeamMemberSchema, message="Team member retrieved successfully.")
def get_team_member(id):
    """Get a team member."""
    return TeamMember.find(id)


@blp.post("/team")
@blp.arguments(TeamMemberCreateSchema, rules=TeamMember.problems)
@blp.response(201, TeamMemberSchema, message="Team member created successfully.", location=True)
def create_team_member(body):
    """Create a team member."""
    return TeamMember.create(**body)


@blp.patch("/team/<id:id>")
@blp.arguments(TeamMemberChangeSchema, rules=TeamMember.problems)
@blp.response(200, TeamMemberSchema, message="Team member updated successfully.")
def update_team_member(body, id):
    """Update a team member; what is left out stays as it is."""
    return TeamMember.change(id, **body)


@blp.put("/team/<id:id>")
@blp.arguments(TeamMemberChangeSchema, rules=TeamMember.problems)
@blp.response(200, TeamMemberSchema, message="Team member updated successfully.")
def put_team_member(body, id):
    """Same as PATCH."""
    return TeamMember.change(id, **body)


@blp.delete("/team/<id:id>")
@blp.arguments(DeleteQuerySchema, location="query")
@blp.response(200, DeletedRecordSchema, message="Team member deleted successfully.")
def delete_team_member(query, id):
    """Delete a team member and take it off categories."""
    return erasing.team_member(id) if query.get("erase") else TeamMember.remove(id)
