"""What --check found out, as JSON."""

from __future__ import annotations

import dataclasses

from scripts.model.adapt.check.decision import rank
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.result import CheckResult
from scripts.model.adapt.check.trial import VariantTrial
from scripts.model.adapt.check.words import explain_decision


def check_to_json(check: CheckResult) -> dict[str, object]:
    """decision; variants, the best first; pictures with what the chosen reading finds.

    A variant is named by the options that pick it, "" for the default.
    """
    decision, default = check.decision, check.decision.default.variant

    def name(trial: VariantTrial | None) -> str | None:
        return None if trial is None else option_text(trial.variant, default)

    return {
        "decision": {
            "outcome": decision.outcome,
            "measure": decision.measure,
            "labelled_objects": decision.objects,
            "chosen": name(decision.chosen),
            "rival": name(decision.rival),
            "alike": [name(trial) for trial in decision.alike],
            "default_option": option_text(default, decision.chosen.variant),
            "reason": explain_decision(check),
        },
        "variants": [
            {
                "options": name(trial),
                "reading": trial.variant.title,
                "preprocessing": dataclasses.asdict(trial.variant.reading.preprocessing),
                "found": trial.found,
                "score_mass": round(trial.score_mass, 4),
                "confirmed": trial.confirmed,
                "confirmed_mass": round(trial.confirmed_mass, 4),
                "odd_boxes": trial.odd_boxes,
                "ap50": trial.ap50,
                "junk": trial.junk,
                "failure": trial.failure,
            }
            for trial in rank(check.trials, decision.objects)
        ],
        "pictures": [
            {
                "path": str(picture.path),
                "detections": trial.detections.to_json(decision.chosen.class_names),
            }
            for picture, trial in zip(check.pictures, decision.chosen.pictures, strict=True)
        ],
    }
