// Which boxes count, and how much: by score, by corrections, by class, by region.

const passes = (each) => each.score > threshold; // strictly greater, by the 4 decimals of the answer: the API rounds before it compares

/** All boxes of an item by score, with corrections by hand, of every class and anywhere on the picture. */
const boxesOf = (item) => (item ? corrected(item) : []).filter((each) => !each.isRemoved && (each.by || passes(each))); // a person's boxes have no threshold

/** How much a box counts by the item's region and its rule for the border: 1, 0.5 or 0. */
const weightOf = (item, box) => (item.region ? weightIn(item, box) : 1);

/** The boxes that count: of classes that are shown, and inside the region. */
const shown = (item) => boxesOf(item).filter((each) => !off.has(each.label) && weightOf(item, each) > 0);

/** The count of an item; with a region whose border counts half it may end in .5. */
const countOf = (item) => shown(item).reduce((sum, each) => sum + weightOf(item, each), 0);

/** Whether the count is the model's own: at its threshold, of all classes, uncorrected, of the whole picture. */
const isModelsOwn = (item) => threshold === model.thresholds.score && !off.size && !item.edits && !item.region;
