"""Where each kind of profile is posted."""

from typing import Final

from rak_libs.model.profiles import ProfileType

KINDS: Final = {
    "/pprof/profile": ProfileType.CPU,
    "/pprof/heap": ProfileType.HEAP,
    "/pprof/goroutine": ProfileType.GOROUTINE,
    "/pprof/block": ProfileType.BLOCK,
    "/pprof/mutex": ProfileType.MUTEX,
    "/pprof/allocs": ProfileType.ALLOCS,
}
"""What was profiled, by path: Go's net/http/pprof uses the same last words."""
