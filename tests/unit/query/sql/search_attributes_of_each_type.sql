WITH inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC') AS seen
SELECT
    trace_id,
    toUnixTimestamp64Nano(minIf(start, seen)) AS start_ns,
    toUnixTimestamp64Nano(maxIf(`end`, seen)) - start_ns AS length_ns,
    toUnixTimestamp64Nano(min(start)),
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
        AND ((mapContains(attributes_string, 'text') AND attributes_string['text'] = 'it\'s'))
        AND ((mapContains(attributes_string, 'whole') AND attributes_string['whole'] = '42') OR (mapContains(attributes_int, 'whole') AND attributes_int['whole'] = 42))
        AND ((mapContains(attributes_string, 'fraction') AND attributes_string['fraction'] = '0.5') OR (mapContains(attributes_float, 'fraction') AND attributes_float['fraction'] = 0.5))
        AND ((mapContains(attributes_string, 'beyond') AND attributes_string['beyond'] = '99999999999999999999') OR (mapContains(attributes_float, 'beyond') AND attributes_float['beyond'] = 1e+20))
        AND ((mapContains(attributes_string, 'flag') AND attributes_string['flag'] = 'true') OR (mapContains(attributes_bool, 'flag') AND attributes_bool['flag'] = true))
        AND ((mapContains(attributes_string, 'odd') AND attributes_string['odd'] = 'NaN') OR (mapContains(attributes_float, 'odd') AND isNaN(attributes_float['odd'])))
        AND ((mapContains(attributes_string, 'array') AND attributes_string['array'] = '[1, "a"]') OR (mapContains(attributes_json, 'array') AND attributes_json['array'] = '[1,"a"]'))
        AND ((mapContains(attributes_string, 'broken') AND attributes_string['broken'] = '{'))
        AND ((mapContains(attributes_string, 'empty') AND attributes_string['empty'] = '') OR (mapContains(attributes_json, 'empty') AND attributes_json['empty'] = 'null'))
)
GROUP BY trace_id
HAVING countIf(seen) > 0
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
