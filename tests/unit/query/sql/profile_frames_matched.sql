SELECT
    groupArray(frames),
    groupArray(in_focus),
    groupArray(is_ignored),
    groupArray(found_functions),
    groupArray(found_files),
    groupArray(found_lines),
    groupArray(found_mappings),
    groupArray(found_addresses),
    groupArray(found_system_names),
    groupArray(found_start_lines),
    groupArray(found_columns),
    groupArray(found_inlined)
FROM
(
    SELECT
        frames,
        match(any(functions), '^main') OR match(any(files), '^main') OR match(any(mappings), '^main') AS in_focus,
        match(any(functions), 'it\'s') OR match(any(files), 'it\'s') OR match(any(mappings), 'it\'s') AS is_ignored,
        toString(any(functions)) AS found_functions,
        toString(any(files)) AS found_files,
        any(lines) AS found_lines,
        toString(any(mappings)) AS found_mappings,
        any(addresses) AS found_addresses,
        toString(any(system_names)) AS found_system_names,
        any(start_lines) AS found_start_lines,
        any(columns) AS found_columns,
        any(inlined) AS found_inlined
    FROM profile_stacks
    ARRAY JOIN frames, functions, files, lines, mappings, addresses, system_names, start_lines, columns, inlined
    WHERE day BETWEEN toDate32('2023-11-14') AND toDate32('2023-11-15') AND service_name IN ['alpha', 'check\'out'] AND stack IN (SELECT arrayJoin(CAST('[1]', 'Array(UInt64)')))
    GROUP BY frames
)
