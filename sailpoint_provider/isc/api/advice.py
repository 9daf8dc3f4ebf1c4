"""What to do about refusals that several calls share."""

from __future__ import annotations

CHECK_SOURCE_ID = "Check that the source ID is correct and belongs to this tenant."


def user_needed(scope: str) -> str:
    """Return what a client needs for a call that ISC allows to users only."""
    return (
        f"The client needs the scope {scope} and must be a personal access token, whose user needs one of "
        "the user levels ORG_ADMIN, SOURCE_ADMIN, SOURCE_SUBADMIN."
    )
