-- Feeds attribute_keys from every INSERT into spans. Spans have few different sets of keys: these are
-- told apart by a hash, and only one of each is looked through.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.attribute_keys_feed${on_cluster}
TO ${database}.attribute_keys${local}
AS SELECT
    hour,
    service_name,
    scope_name,
    scope_version,
    arrayJoin(arrayFilter(
        each -> startsWith(each, 'gen_ai.'),
        arrayConcat(string_keys, int_keys, float_keys, bool_keys, json_keys))) AS key,
    sum(spans_of_keys) AS spans,
    min(first) AS first_seen,
    max(last) AS last_seen
FROM
(
    SELECT
        toStartOfHour(timestamp) AS hour,
        service_name,
        scope_name,
        scope_version,
        cityHash64(
            mapKeys(attributes_string), mapKeys(attributes_int), mapKeys(attributes_float),
            mapKeys(attributes_bool), mapKeys(attributes_json)) AS keys,
        any(mapKeys(attributes_string)) AS string_keys,
        any(mapKeys(attributes_int)) AS int_keys,
        any(mapKeys(attributes_float)) AS float_keys,
        any(mapKeys(attributes_bool)) AS bool_keys,
        any(mapKeys(attributes_json)) AS json_keys,
        count() AS spans_of_keys,
        min(timestamp) AS first,
        max(timestamp) AS last
    FROM ${database}.spans${local}
    GROUP BY hour, service_name, scope_name, scope_version, keys
)
GROUP BY hour, service_name, scope_name, scope_version, key;
