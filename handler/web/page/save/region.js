// What tables and files say of a region. Without one, cells are all inside, and the area is the picture's.

for (const [name, value] of Object.entries({
  region: (item) => item.region.shape,
  region_numbers_px: (item) => item.region.numbers.map(round).join(" "),
  border_rule: (item) => item.region.border,
  count_inside: (item) => regionTally(item).inside,
  count_on_border: (item) => regionTally(item).border,
  count_outside: (item) => regionTally(item).outside,
})) pictureColumns.push({ name, value: (item) => item.region && value(item) });
pictureColumns.push({ name: "area_px2", value: (item) => round(regionArea(item)) });
cellColumns.push({ name: "in_region", value: weightOf });
reportParts.push((item) => ({ region: item.region && { ...item.region, boxes: regionTally(item) }, area_px2: round(regionArea(item)) }));
