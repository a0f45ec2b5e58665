-- Observations of prediction records: one row for each row of the table `records`, which has the
-- columns of scripts/records/columns.py, whether it was made of JSON or of Parquet, and `_line`, a
-- number by which to join the two.
-- A change of what is computed raises VERSION in scripts/records/observe.py.

WITH
-- Detections and near misses are best first and lie on two sides of the request's threshold, so
-- all candidates are one list, best first, and those above the model's own threshold are its first
-- ones. The record's count says how many: a score that was rounded to the threshold itself is on
-- the right side. Records without that count were made with the model's threshold, as far as is
-- known.
candidate AS (
    SELECT
        *,
        outcome = 'ok' AS is_prediction,
        list_concat(coalesce(detections, []), coalesce(near_misses, [])) AS candidates,
        greatest(coalesce(at_model_threshold.count, len(detections), 0), 0) AS above_count,
        1.0 * nullif(image.width, 0) AS image_width,
        1.0 * nullif(image.height, 0) AS image_height
    FROM records
),
part AS (
    SELECT
        *,
        candidates[1:above_count] AS above,
        list_transform(
            candidates,
            lambda d: least(greatest(floor(coalesce(d.score, 0) * 20), 0), 19)::UTINYINT
        ) AS bins
    FROM candidate
),
shape AS (
    SELECT
        *,
        is_prediction AND len(above) > 0 AS has_one,
        is_prediction AND len(above) > 1 AS has_two,
        list_transform(above, lambda d: d.score) AS scores,
        list_transform(above, lambda d: ln(
            greatest(d.box.xmax - d.box.xmin, 0.01) * greatest(d.box.ymax - d.box.ymin, 0.01)
            / (image_width * image_height)
        )) AS log_areas,
        list_transform(above, lambda d: abs(ln(
            greatest(d.box.xmax - d.box.xmin, 0.01) / greatest(d.box.ymax - d.box.ymin, 0.01)
        ))) AS elongations,
        list_transform(above, lambda d: (d.box.xmin + d.box.xmax) / 2 / image_width) AS xs,
        list_transform(above, lambda d: (d.box.ymin + d.box.ymax) / 2 / image_height) AS ys,
        -- A box touches the edge from 0.5 % of the side on: networks put few corners onto it.
        list_transform(above, lambda d: CASE WHEN image_width * image_height IS NOT NULL THEN (
            d.box.xmin <= 0.005 * image_width OR d.box.xmax >= 0.995 * image_width
            OR d.box.ymin <= 0.005 * image_height OR d.box.ymax >= 0.995 * image_height
        )::DOUBLE END) AS at_edge,
        list_transform(above, lambda d: d.label) AS labels
    FROM part
)
SELECT
    _line,
    prediction_id,
    schema,
    try_cast(time AS TIMESTAMP) AS time,
    route,
    model.name AS model_name,
    model.version AS model_version,
    model.sha256 AS model_sha256,
    outcome,
    problem,
    image.format AS format,
    image.width::DOUBLE AS width,
    image.height::DOUBLE AS height,
    image.orientation::DOUBLE AS orientation,
    image.sha256 AS image_sha256,
    image.dhash AS dhash,
    thresholds.score AS score_threshold,
    thresholds.iou AS iou_threshold,
    thresholds.max_detections::DOUBLE AS max_detections,
    at_model_threshold.score AS model_threshold,
    tiles IS NOT NULL AND tiles.columns * tiles.rows > 1 AS is_tiled,
    coalesce(cold_start, false) AS cold_start,
    timing_ms['total'] AS total_ms,
    timing_ms['inference'] AS inference_ms,
    CASE WHEN is_prediction THEN above_count::DOUBLE END AS detections,
    capture,
    function_version,

    image.brightness AS brightness,
    image.contrast AS contrast,
    image.sharpness AS sharpness,
    image.focus AS focus,
    image.noise AS noise,
    image.red_to_green AS red_to_green,
    image.blue_to_green AS blue_to_green,
    image.jpeg_quality::DOUBLE AS jpeg_quality,
    ln(image_width * image_height / 1e6) AS log_megapixels,
    ln(image_width / image_height) AS log_aspect_ratio,
    ln(nullif(image.bytes, 0) / (image_width * image_height)) AS log_bytes_per_pixel,
    image.luma_histogram[1] / 1e4 AS luma_0,
    image.luma_histogram[2] / 1e4 AS luma_1,
    image.luma_histogram[3] / 1e4 AS luma_2,
    image.luma_histogram[4] / 1e4 AS luma_3,
    image.luma_histogram[5] / 1e4 AS luma_4,
    image.luma_histogram[6] / 1e4 AS luma_5,
    image.luma_histogram[7] / 1e4 AS luma_6,
    image.luma_histogram[8] / 1e4 AS luma_7,
    image.luma_histogram[9] / 1e4 AS luma_8,
    image.luma_histogram[10] / 1e4 AS luma_9,
    image.luma_histogram[11] / 1e4 AS luma_10,
    image.luma_histogram[12] / 1e4 AS luma_11,
    image.luma_histogram[13] / 1e4 AS luma_12,
    image.luma_histogram[14] / 1e4 AS luma_13,
    image.luma_histogram[15] / 1e4 AS luma_14,
    image.luma_histogram[16] / 1e4 AS luma_15,
    image.embedding[1] AS embedding_0,
    image.embedding[2] AS embedding_1,
    image.embedding[3] AS embedding_2,
    image.embedding[4] AS embedding_3,
    image.embedding[5] AS embedding_4,
    image.embedding[6] AS embedding_5,
    image.embedding[7] AS embedding_6,
    image.embedding[8] AS embedding_7,
    image.embedding[9] AS embedding_8,
    image.embedding[10] AS embedding_9,
    image.embedding[11] AS embedding_10,
    image.embedding[12] AS embedding_11,
    image.embedding[13] AS embedding_12,
    image.embedding[14] AS embedding_13,
    image.embedding[15] AS embedding_14,
    image.embedding[16] AS embedding_15,

    CASE WHEN is_prediction THEN ln(1 + above_count) END AS log_count,
    CASE WHEN is_prediction THEN ln(1 + len(candidates) - len(above)) END AS log_near_misses,
    CASE WHEN is_prediction AND len(candidates) > 0
        THEN 1 - len(above) / len(candidates) END AS near_miss_share,
    CASE WHEN below_floor.count >= 0 THEN ln(1 + below_floor.count) END AS log_below_floor,
    below_floor.score_sum AS below_floor_score,
    CASE WHEN has_one THEN list_avg(scores) END AS score_mean,
    CASE WHEN has_two THEN list_stddev_pop(scores) END AS score_std,
    CASE WHEN has_one THEN list_min(scores) END AS score_min,
    CASE WHEN has_one THEN list_max(scores) END AS score_max,
    CASE WHEN has_one THEN list_median(scores) END AS score_median,
    CASE WHEN has_one THEN list_avg(log_areas) END AS log_box_area_mean,
    CASE WHEN has_two THEN list_stddev_pop(log_areas) END AS log_box_area_std,
    CASE WHEN has_one THEN list_avg(elongations) END AS box_elongation_mean,
    CASE WHEN has_two THEN list_stddev_pop(xs) END AS box_x_std,
    CASE WHEN has_two THEN list_stddev_pop(ys) END AS box_y_std,
    CASE WHEN has_one THEN list_avg(at_edge) END AS edge_share,

    CASE WHEN has_one THEN list_aggregate(labels, 'histogram') END AS class_counts,
    len(list_filter(bins, lambda b: b = 0))::USMALLINT AS scores_0,
    len(list_filter(bins, lambda b: b = 1))::USMALLINT AS scores_1,
    len(list_filter(bins, lambda b: b = 2))::USMALLINT AS scores_2,
    len(list_filter(bins, lambda b: b = 3))::USMALLINT AS scores_3,
    len(list_filter(bins, lambda b: b = 4))::USMALLINT AS scores_4,
    len(list_filter(bins, lambda b: b = 5))::USMALLINT AS scores_5,
    len(list_filter(bins, lambda b: b = 6))::USMALLINT AS scores_6,
    len(list_filter(bins, lambda b: b = 7))::USMALLINT AS scores_7,
    len(list_filter(bins, lambda b: b = 8))::USMALLINT AS scores_8,
    len(list_filter(bins, lambda b: b = 9))::USMALLINT AS scores_9,
    len(list_filter(bins, lambda b: b = 10))::USMALLINT AS scores_10,
    len(list_filter(bins, lambda b: b = 11))::USMALLINT AS scores_11,
    len(list_filter(bins, lambda b: b = 12))::USMALLINT AS scores_12,
    len(list_filter(bins, lambda b: b = 13))::USMALLINT AS scores_13,
    len(list_filter(bins, lambda b: b = 14))::USMALLINT AS scores_14,
    len(list_filter(bins, lambda b: b = 15))::USMALLINT AS scores_15,
    len(list_filter(bins, lambda b: b = 16))::USMALLINT AS scores_16,
    len(list_filter(bins, lambda b: b = 17))::USMALLINT AS scores_17,
    len(list_filter(bins, lambda b: b = 18))::USMALLINT AS scores_18,
    len(list_filter(bins, lambda b: b = 19))::USMALLINT AS scores_19
FROM shape
