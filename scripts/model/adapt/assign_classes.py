"""Numbers the class names of a foreign model by its file's metadata and the labels that it gave."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.model.adapt.class_ids import ClassAssignment, assign_class_ids
from scripts.model.adapt.class_refusals import FileNames
from scripts.model.adapt.label_evidence import find_real_labels
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.metadata import (
    has_numbered_names,
    named_classes,
    unnamed_classes,
)
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.reading import FormatReading


def assign_classes(
    class_names: Sequence[str] | None,
    foreign: ForeignModel,
    reading: FormatReading,
    options: AdaptOptions,
) -> ClassAssignment:
    """class_names: of the user or the file. Raises ToolError where they do not fit the reading."""
    metadata = foreign.metadata
    file_names = FileNames(
        named_classes(metadata), unnamed_classes(metadata), has_numbered_names(metadata)
    )
    return assign_class_ids(
        class_names,
        reading,
        options.class_ids,
        file_names=file_names,
        seen_labels=find_real_labels(foreign, reading),
        is_offset_given=options.class_offset is not None,
    )
