"""Print as JSON how an EfficientDet's anchors and loss behave. Runs in the training environment.

python -m tests.scripts.model.train.small_detector
"""

import json

import torch

import scripts.model.icevision  # noqa: F401  (before effdet)
from scripts.model.icevision.families import build_model
from scripts.model.train.anchor_matching import match_closest_anchors
from scripts.model.train.quality_loss import use_quality_loss

SIZE = 128
# y0, x0, y1, x1: thin and lying, thin and standing, square at the corner of anchors, and one alone
BOXES = [[20.0, 10.0, 26.0, 60.0], [60.0, 100.0, 110.0, 107.0], [64.0, 20.0, 86.0, 42.0]]


def main(argv: list[str]) -> None:
    torch.manual_seed(0)
    bench = build_model("ross.efficientdet", "micro_050_fast", ["cell"], SIZE)
    boxes, classes = torch.tensor([BOXES]), torch.ones(1, len(BOXES))
    facts: dict[str, object] = {"by_effdet": count_anchors(bench, boxes, classes)}
    match_closest_anchors(bench)
    facts["closest"] = count_anchors(bench, boxes, classes)
    nothing = torch.zeros(1, 0, 4), torch.zeros(1, 0)
    facts["closest_of_nothing"] = count_anchors(bench, *nothing)
    use_quality_loss(bench)
    facts["losses"] = perfect_and_shifted_losses(bench, boxes, classes)
    facts["learns"] = train(bench, boxes, classes)
    facts["nothing_labelled"] = float(
        bench(torch.zeros(1, 3, SIZE, SIZE), {"bbox": nothing[0], "cls": nothing[1]})["loss"]
    )
    facts["state"] = [key for key in bench.state_dict() if key.startswith("loss_fn")]
    print(json.dumps(facts))


def count_anchors(bench, boxes, classes) -> list[int]:
    """Anchors of each box."""
    labelled, targets, counts = bench.anchor_labeler.batch_label_anchors(boxes, classes)
    anchors = bench.anchors.boxes
    codes = torch.cat([each.reshape(-1, 4) for each in targets])
    positive = torch.cat([each.reshape(-1) for each in labelled]) >= 0
    assert int(counts.sum()) == int(positive.sum())
    extent = anchors[:, 2:] - anchors[:, :2]
    centres = (codes[:, :2] * extent + anchors[:, :2] + extent / 2)[positive]
    true = (boxes[0, :, :2] + boxes[0, :, 2:]) / 2
    return [int((torch.abs(centres - each) < 0.01).all(1).sum()) for each in true]


def perfect_and_shifted_losses(bench, boxes, classes) -> dict[str, float]:
    """The loss where scores say how well the boxes fit, and where they are too sure."""
    labelled, targets, counts = bench.anchor_labeler.batch_label_anchors(boxes, classes)
    losses = {}
    for name, shift, logit in (("perfect", 0.0, 9.0), ("loose", 0.35, 9.0), ("honest", 0.35, 0.3)):
        class_levels = [
            torch.where(each >= 0, logit, -9.0).permute(0, 3, 1, 2) for each in labelled
        ]
        box_levels = [(each + shift).permute(0, 3, 1, 2) for each in targets]
        parts = bench.loss_fn(class_levels, box_levels, labelled, targets, counts)
        losses[name] = [float(part) for part in parts[1:]]
    return losses


def train(bench, boxes, classes) -> list[float]:
    """The first and the last loss of a few steps on one picture."""
    torch.manual_seed(1)
    image = torch.zeros(1, 3, SIZE, SIZE)
    for y0, x0, y1, x1 in boxes[0].int().tolist():
        image[..., y0:y1, x0:x1] = 2.0
    optimizer, losses = torch.optim.AdamW(bench.parameters(), 3e-3), []
    images = image.repeat(2, 1, 1, 1)
    targets = {"bbox": boxes.repeat(2, 1, 1), "cls": classes.repeat(2, 1)}
    for _ in range(25):
        loss = bench(images, targets)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return [losses[0], losses[-1]]
