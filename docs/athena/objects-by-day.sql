-- Objects by day and class, of the last 30 days: has what is counted changed?
-- Change the model and its version in both places. A record counts once, though it may lie twice.
WITH records AS (
    SELECT dt, outcome, counts, row_number() OVER (PARTITION BY prediction_id ORDER BY dt) AS copy
    FROM (
        SELECT prediction_id, dt, outcome, counts
        FROM predictions
        WHERE model_name = 'microalgae' AND model_version = '1.1.0'
            AND dt >= substr(cast(current_date - interval '30' day AS varchar), 1, 10)
        UNION ALL
        SELECT prediction_id, dt, outcome, counts
        FROM compacted
        WHERE model_name = 'microalgae' AND model_version = '1.1.0'
            AND dt >= substr(cast(current_date - interval '30' day AS varchar), 1, 10)
    ) AS all_copies
)
SELECT
    dt,
    class,
    count(*) AS pictures,
    sum(counts[class]) AS objects,
    avg(cast(counts[class] AS double)) AS objects_a_picture,
    max(counts[class]) AS most_objects
FROM records
CROSS JOIN UNNEST(map_keys(counts)) AS classes (class)
WHERE copy = 1 AND outcome = 'ok'
GROUP BY dt, class
ORDER BY dt, class
