"""Roles, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """What somebody may do; each one also what those before it may."""

    VIEWER = "viewer"
    """See everything."""
    OPERATOR = "operator"
    """Also sort collected frames."""
    ENGINEER = "engineer"
    """Also recalibrate, roll back, and edit the line's rules."""

    def allows(self, needed: Role) -> bool:
        """Whether this role may do what ``needed`` may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        name: as in the list of users; empty where nobody has to log in.
        role: what they may do.
    """

    name: str
    role: Role
