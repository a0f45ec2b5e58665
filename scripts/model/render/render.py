"""The former names, until their last users have the new ones."""

from scripts.model.render.photo import LABEL
from scripts.model.render.photo import render_photo as render
from scripts.model.render.photo import write_photo as write

__all__ = ["LABEL", "render", "write"]
