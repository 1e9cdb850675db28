module profiled

go 1.26.0
