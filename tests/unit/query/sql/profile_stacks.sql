SELECT
    groupArray(stack),
    groupArray(length(frames)),
    groupArrayArray(frames)
FROM
(
    SELECT
        stack,
        frames
    FROM profile_stacks
    WHERE day BETWEEN toDate32('2023-11-14') AND toDate32('2023-11-15') AND service_name IN ['alpha', 'check\'out'] AND stack IN (SELECT arrayJoin(CAST('[1,18446744073709551615]', 'Array(UInt64)')))
    ORDER BY stack
    LIMIT 1 BY stack
)
