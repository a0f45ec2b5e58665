-- Pictures and scores by day, of the last 30 days: what moves?
-- Change the model and its version in both places. A record counts once, though it may lie twice.
WITH records AS (
    SELECT
        dt, image, detections, below_floor_count, "count",
        row_number() OVER (PARTITION BY prediction_id ORDER BY dt) AS copy
    FROM (
        SELECT prediction_id, dt, image, detections, below_floor.count AS below_floor_count, "count"
        FROM predictions
        WHERE model_name = 'microalgae' AND model_version = '1.1.0' AND outcome = 'ok'
            AND dt >= substr(cast(current_date - interval '30' day AS varchar), 1, 10)
        UNION ALL
        SELECT prediction_id, dt, image, detections, below_floor.count AS below_floor_count, "count"
        FROM compacted
        WHERE model_name = 'microalgae' AND model_version = '1.1.0' AND outcome = 'ok'
            AND dt >= substr(cast(current_date - interval '30' day AS varchar), 1, 10)
    ) AS all_copies
)
SELECT
    dt,
    count(*) AS pictures,
    avg(image.brightness) AS brightness,
    avg(image.contrast) AS contrast,
    avg(image.sharpness) AS sharpness,
    avg(image.focus) AS focus,
    avg(image.noise) AS noise,
    avg(image.red_to_green) AS red_to_green,
    avg(image.blue_to_green) AS blue_to_green,
    avg(cast("count" AS double)) AS objects_a_picture,
    avg(CASE WHEN "count" > 0 THEN detections[1].score END) AS best_score,
    avg(CASE WHEN "count" > 0 THEN detections["count"].score END) AS worst_score,
    avg(below_floor_count) AS candidates_below_the_floor
FROM records
WHERE copy = 1
GROUP BY dt
ORDER BY dt
