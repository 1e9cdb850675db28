"""`GET /api/v1/profiles/hotspots`: the functions with the largest values, as `pprof -top`."""

import asyncio
from typing import Final

import numpy as np

from rak_services.query.budget import Budget
from rak_services.query.endpoint import Question, Store
from rak_services.query.profiles.answers import Hotspot, HotspotList
from rak_services.query.profiles.merged import MergedStacks, merged_stacks
from rak_services.query.profiles.requests import ListHotspots
from rak_services.query.profiles.selection import select_profiles
from rak_services.query.profiles.shown import Grouping, grouping_of, shown_stacks, wanted_of
from rak_services.query.profiles.stacks import Node
from rak_services.query.profiles.top import tops_of

_DECIMALS: Final = 4


async def list_hotspots(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: ListHotspots,
) -> HotspotList:
    """Answer the functions of all profiles that match, the largest first."""
    grouping = grouping_of(request.group_by)
    wanted = wanted_of(request.sample_type, request.focus, request.ignore, grouping)
    selection = select_profiles(request, store.now())
    merged = await merged_stacks(Budget(store), [selection], wanted)
    rows = store.page_rows(request.limit)
    return await asyncio.to_thread(_hotspots, merged, grouping, request.order == "self", rows)


def _hotspots(
    merged: MergedStacks,
    grouping: Grouping,
    by_self: bool,  # noqa: FBT001 - one of two orders
    rows: int,
) -> HotspotList:
    shown = shown_stacks(merged, grouping.by)
    tops = tops_of(shown.stacks, len(shown.nodes))
    own, totals = tops.self_values[:, 0], tops.totals[:, 0]
    found = np.flatnonzero((own != 0) | (totals != 0)).tolist()
    first, second = (own, totals) if by_self else (totals, own)
    found.sort(key=lambda n: (-abs(int(first[n])), -abs(int(second[n])), shown.nodes[n].name))
    (side,) = merged.sides
    return HotspotList(
        profile_type=merged.kind,
        sample_type=merged.sample_type,
        unit=merged.unit,
        profiles=side.profiles,
        left_out=side.left_out,
        total=side.size,
        functions=len(found),
        items=[
            _hotspot(shown.nodes[number], int(own[number]), int(totals[number]), side.size)
            for number in found[:rows]
        ],
        next_cursor=None,
        complete=merged.complete,
    )


def _hotspot(node: Node, own: int, total: int, of: int) -> Hotspot:
    return Hotspot(
        name=node.name,
        function=node.function,
        file=node.file,
        line=node.line,
        self=own,
        self_percent=round(100 * own / of, _DECIMALS) if of else 0.0,
        total=total,
        total_percent=round(100 * total / of, _DECIMALS) if of else 0.0,
    )
