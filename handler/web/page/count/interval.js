// The interval of the count, as the API gives it, and why there is none.

/** What the API says of the count that is shown; null where it is not the model's own, or where the API has not that field yet. */
function ownCountOf(item) {
  const own = item.found && isModelsOwn(item) ? item.answer.at_model_thresholds : null;
  return own && own.count === countOf(item) ? own : null;
}

/** The interval of the true count, { low, high, coverage }, or null. */
const intervalOf = (item) => ownCountOf(item)?.count_interval ?? null;

/** Why there is no interval, or null. */
const noIntervalOf = (item) => ownCountOf(item)?.no_interval ?? null;

/** Either in words; "" for neither. */
function intervalWords(item) {
  const interval = intervalOf(item), reason = noIntervalOf(item);
  if (interval) return `in pictures like those it was calibrated on: ${formatInteger(interval.low)}–${formatInteger(interval.high)}`;
  return reason ? `No interval: ${reason}` : "";
}
