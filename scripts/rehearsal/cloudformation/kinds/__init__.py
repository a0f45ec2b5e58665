"""The types of resources that the stand-in really makes. Any other is refused, by name."""

from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made

__all__ = ["Call", "Kind", "Made"]
