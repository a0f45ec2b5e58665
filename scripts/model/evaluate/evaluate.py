"""The former names, until their last users have the new ones."""

from scripts.model.evaluate.__main__ import main
from scripts.model.evaluate.evaluation import (
    MAX_PIXELS,
    evaluate_pictures,
    name_dataset,
    predict_picture,
    show_progress,
    to_evaluated_picture,
)
from scripts.model.evaluate.table import format_table

run, look, judge, progress = (
    evaluate_pictures,
    predict_picture,
    to_evaluated_picture,
    show_progress,
)
set_name, as_text = name_dataset, format_table

__all__ = ["MAX_PIXELS", "as_text", "judge", "look", "main", "progress", "run", "set_name"]
