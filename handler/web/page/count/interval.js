// The interval of the count.

/** The interval of the true count, as in handler.detection.count_interval; null where the model is not calibrated.
 * The API's answer has none, since the page asks for scores below the calibrated threshold. */
function intervalOf(item, count) {
  const calibration = model.count_calibration;
  if (!calibration || !isModelsOwn(item) || threshold !== calibration.score_threshold || item.answer.thresholds.iou !== calibration.iou_threshold || item.full) return null;
  const scale = Math.sqrt(count + 1);
  const low = Math.ceil(count + calibration.below * scale - 1e-6), high = Math.floor(count + calibration.above * scale + 1e-6);
  return { low: Math.max(0, Math.min(low, count)), high: Math.max(high, count), coverage: calibration.coverage };
}
