"""Print as JSON what IceVision itself predicts on a picture. Runs in the training environment.

python -m tests.scripts.model.icevision.icevision_predict CHECKPOINT PICTURE SCORE_THRESHOLD
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.model.icevision.checkpoint import load_checkpoint  # before icevision
from icevision.all import ClassMap, Dataset, models, tfms


def main(checkpoint_path: str, image_path: str, score_threshold: str) -> None:
    checkpoint = load_checkpoint(Path(checkpoint_path))
    rgb = np.asarray(Image.open(image_path).convert("RGB"))
    transform = tfms.A.Adapter([tfms.A.Normalize()])
    dataset = Dataset.from_images([rgb], transform, class_map=ClassMap(list(checkpoint.classes)))
    (prediction,) = models.ross.efficientdet.predict(
        checkpoint.model, dataset, detection_threshold=float(score_threshold)
    )
    detection = prediction.pred.detection
    boxes = [[float(value) for value in box.xyxy] for box in detection.bboxes]
    scores = [float(score) for score in detection.scores]
    class_ids = [int(label) - 1 for label in detection.label_ids]  # IceVision's 0: the background
    print(json.dumps({"boxes": boxes, "scores": scores, "class_ids": class_ids}))


if __name__ == "__main__":
    main(*sys.argv[1:])
