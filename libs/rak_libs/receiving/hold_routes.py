"""`/hold` and `/release` on the admin port: the fleet empties the topics while nothing comes in."""

import math
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rak_libs.receiving.admission import Admission

_MOST_SECONDS: Final = 3600.0


def hold_routes(admission: Admission) -> list[Route]:
    """Build `POST /hold?seconds=N`, `POST /release` and `GET /hold`.

    All answer `{"held": bool, "in_flight": int}`: whether agents are being told to come again
    later, and how many requests are still inside.
    """

    def state() -> Response:
        return JSONResponse({"held": admission.held, "in_flight": admission.in_flight})

    async def hold(request: Request) -> Response:
        if request.method == "POST":
            seconds = _seconds(request.query_params.get("seconds", ""))
            if seconds is None:
                expected = f"expected seconds=N with 0 < N <= {_MOST_SECONDS:g}"
                return JSONResponse({"error": expected}, status_code=400)
            admission.hold(seconds)
        return state()

    async def release(_request: Request) -> Response:
        admission.release()
        return state()

    return [
        Route("/hold", hold, methods=["GET", "POST"]),
        Route("/release", release, methods=["POST"]),
    ]


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds <= _MOST_SECONDS else None
