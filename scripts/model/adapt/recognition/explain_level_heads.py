"""Words for heads with outputs for each level that no format reads by itself, each by its name."""

from __future__ import annotations

from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs, find_level_outputs
from scripts.model.adapt.recognition.observed_model import ObservedModel

_FIVE_STRIDES = (8, 16, 32, 64, 128)
_GFL_BINS = 17
_RETINANET_ANCHORS = 9
# Columns of all outputs, and of one of two.
_JOINED_HEADS = {(1, 4, 10): "SCRFD's", (1, 1, 4, 10): "YuNet's"}
_JOINED_BINS = {32: "PicoDet's or NanoDet's", 64: "YOLOv8's", 68: "YOLOv6's or DAMO-YOLO's"}


def explain_level_heads(model: ObservedModel) -> list[str]:
    """Sentences; none where the outputs are no such heads."""
    if _is_centernet(model):
        return [
            "They look like CenterNet's: a heat map for each class, sizes and offsets at one "
            "stride. Peaks stand for NMS there, which is not read here: export with decoding."
        ]
    outputs = find_level_outputs(model)
    if outputs is None:
        return _explain_joined(model)
    name = _name_head(outputs)
    if name is not None:
        return [f"{outputs.summary}: they look like {name}. Export with decoding."]
    readings = [
        reading
        for known in FORMATS
        if (read := known.readers.get(LevelOutputs)) and (reading := read(outputs)) is not None
    ]
    return [
        f"They may be read by --format {reading.format}: {'; '.join(reading.reasons)}."
        for reading in readings
        if not reading.plausible and reading.coding != "anchors"  # explained together
    ]


def _name_head(outputs: LevelOutputs) -> str | None:
    """A head that is known, and why it is not read."""
    anchors = outputs.with_boxes_per_cell(_RETINANET_ANCHORS)
    if anchors is not None and _has_columns(anchors, 4, others=1):
        return "RetinaNet's or EfficientDet's, whose anchors the file does not say"
    head = outputs.with_boxes_per_cell(1)
    if head is None or outputs.strides != _FIVE_STRIDES:
        return None
    if _has_columns(head, 4, others=2):
        return (
            "FCOS's or ATSS's with centerness: class scores, boxes and centerness of five levels; "
            "whether distances or offsets to anchors, and the product or its root, the file does "
            "not say"
        )
    if _has_columns(head, 4 * _GFL_BINS, others=1):
        return (
            "Generalized Focal Loss's: scores and 4 × 17 bins of five levels, whose preprocessing "
            "the file does not say"
        )
    return None


def _explain_joined(model: ObservedModel) -> list[str]:
    """The same heads with all levels in one output of a kind: few exports have them."""
    shapes = [output.table_shape for output in model.outputs]
    tables = [shape for shape in shapes if shape is not None]
    for by_row in (True, False):
        rows = {table[0 if by_row else 1] for table in tables}
        columns = sorted(table[1 if by_row else 0] for table in tables)
        name = _JOINED_HEADS.get(tuple(columns))
        if len(columns) == 2 and 4 not in columns:
            name = next((_JOINED_BINS[count] for count in columns if count in _JOINED_BINS), None)
        elif len(columns) == 1 and columns[0] > 64:
            name = _JOINED_BINS[64]
        if name is None or len(rows) > 1 or len(tables) < len(shapes):
            continue
        counts = [
            sum(level.columns * level.rows for level in model.levels(_FIVE_STRIDES[:level_count]))
            for level_count in (3, 4, 5)
        ]
        if rows & {boxes * count for boxes in (1, 2) for count in counts}:
            return [
                f"They look like {name} before decoding, with all strides in one output. Export "
                "an output for each stride, or with decoding."
            ]
    return []


def _has_columns(head: LevelOutputs, columns: int, *, others: int) -> bool:
    """Whether one part has `columns` columns, and `others` have not; of two others, one has one."""
    counts = sorted(part.columns for part in head.parts)
    if columns not in counts:
        return False
    counts.remove(columns)
    return len(counts) == others and (others == 1 or counts[0] == 1)


def _is_centernet(model: ObservedModel) -> bool:
    """Two columns of sizes, and often two of offsets, beside classes, at a single stride."""
    shapes = [output.shape for output in model.outputs]
    if len(shapes) not in (2, 3) or any(len(shape) != 4 or shape[0] != 1 for shape in shapes):
        return False
    image = model.foreign.image
    for first_of_cells, columns_at in ((2, 1), (1, 3)):
        cells = {shape[first_of_cells : first_of_cells + 2] for shape in shapes}
        columns = sorted(shape[columns_at] for shape in shapes)
        if len(cells) == 1 and columns.count(2) >= len(shapes) - 1:
            rows, column_count = next(iter(cells))
            return any(
                (rows, column_count) == (image.height // stride, image.width // stride)
                for stride in (2, 4, 8)
            )
    return False
