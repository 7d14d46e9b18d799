"""What the documentation says of a field."""

from __future__ import annotations

from typing import Any


def told(description: str, *example: Any, **more: Any) -> dict[str, Any]:
    """Return the metadata of a field: what it is, at most one example, and more for JSON Schema."""
    metadata = {"description": description, **more}
    if example:
        (metadata["example"],) = example
    return metadata
