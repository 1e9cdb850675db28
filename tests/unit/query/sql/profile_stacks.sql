SELECT
    groupArray(stack),
    groupArray(length(numbers)),
    groupArrayArray(numbers)
FROM
(
    SELECT
        stack,
        any(frames) AS numbers
    FROM profile_stacks
    WHERE day BETWEEN toDate32('2023-11-14') AND toDate32('2023-11-15') AND service_name IN ['alpha', 'check\'out'] AND stack IN [1, 18446744073709551615]
    GROUP BY stack
    ORDER BY stack
)
