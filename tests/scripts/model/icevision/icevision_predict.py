"""A checkpoint and a picture in, what IceVision itself predicts out, as JSON. Runs in the training
environment."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.model.icevision import checkpoint  # before icevision
from icevision.all import ClassMap, Dataset, models, tfms


def main(path: str, picture: str, threshold: str) -> None:
    loaded = checkpoint.load(Path(path))
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    tfm = tfms.A.Adapter([tfms.A.Normalize()])
    dataset = Dataset.from_images([pixels], tfm, class_map=ClassMap(list(loaded.classes)))
    (prediction,) = models.ross.efficientdet.predict(
        loaded.model, dataset, detection_threshold=float(threshold)
    )
    found = prediction.pred.detection
    boxes = [[float(value) for value in box.xyxy] for box in found.bboxes]
    scores = [float(score) for score in found.scores]
    class_ids = [int(label) - 1 for label in found.label_ids]  # IceVision's 0 is the background
    print(json.dumps({"boxes": boxes, "scores": scores, "class_ids": class_ids}))


if __name__ == "__main__":
    main(*sys.argv[1:])
