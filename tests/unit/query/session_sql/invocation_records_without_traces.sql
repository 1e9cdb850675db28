invocation_id = 'it\'s / %2F'
