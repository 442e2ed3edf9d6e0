"""All drills, in the order of the table."""

from . import drills_app, drills_process, drills_registry, drills_resources, drills_upstream  # noqa: F401 (they enter themselves)
from .stage import drills

DRILLS = drills
