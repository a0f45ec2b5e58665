-- Requests by day, route and problem, of the last 7 days: who is refused, and who waits?
-- Change the model and its version in both places. A record counts once, though it may lie twice.
WITH records AS (
    SELECT
        dt, route, outcome, problem, cold_start, timing_ms['total'] AS total_ms,
        row_number() OVER (PARTITION BY prediction_id ORDER BY dt) AS copy
    FROM (
        SELECT prediction_id, dt, route, outcome, problem, cold_start, timing_ms
        FROM predictions
        WHERE model_name = 'microalgae' AND model_version = '1.1.0'
            AND dt >= substr(cast(current_date - interval '7' day AS varchar), 1, 10)
        UNION ALL
        SELECT prediction_id, dt, route, outcome, problem, cold_start, timing_ms
        FROM compacted
        WHERE model_name = 'microalgae' AND model_version = '1.1.0'
            AND dt >= substr(cast(current_date - interval '7' day AS varchar), 1, 10)
    ) AS all_copies
)
SELECT
    dt,
    route,
    outcome,
    problem,
    count(*) AS requests,
    count_if(cold_start) AS cold_starts,
    count_if(total_ms > 1000) AS longer_than_1_s,
    avg(total_ms) AS mean_ms,
    max(total_ms) AS longest_ms
FROM records
WHERE copy = 1
GROUP BY dt, route, outcome, problem
ORDER BY dt, requests DESC
