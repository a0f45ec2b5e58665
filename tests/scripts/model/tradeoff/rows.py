"""Rows of a comparison, without measuring anything."""

from scripts.model.tradeoff.compare import Accuracy, ComparedBundle, Speed


def make_row(folder: str, ms: float, ap50: float) -> ComparedBundle:
    return ComparedBundle(
        bundle=folder,
        name="cells",
        version="1.0.0",
        input=(64, 64),
        size_mb=3.0,
        score_threshold=0.5,
        speeds=(Speed(1, ms, ms + 5, 40, 100),),
        accuracies=(Accuracy("held", 4, 9, ap50, 0.1),),
    )
