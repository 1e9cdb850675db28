SELECT base64Encode(raw_pprof)
FROM cpu_profiles
WHERE profile_id = 'd6c92442aaa37421f34c5289f5139478'
LIMIT 1
