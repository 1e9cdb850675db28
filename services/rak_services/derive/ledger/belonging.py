"""What spans belong to, also those that do not say it themselves."""

from operator import attrgetter
from typing import Final, NamedTuple

from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tree import ROOT, Tree, began_first


class Belonging(NamedTuple):
    """What one span belongs to."""

    invocation_id: str
    session_id: str
    user_id: str
    conversation_id: str
    agent_name: str


_OWN: Final = attrgetter(*Belonging._fields)
_NOTHING: Final = ("", "", "", "", "")
_IDS: Final = Belonging._fields.index("agent_name")


def belongings(tree: Tree) -> list[Belonging]:
    """Return what each span belongs to, by its place: see `rak_libs.model.ledger`."""
    spans, parents, upward = tree
    found: list[Belonging] = [_ABSENT] * len(spans)
    for place in reversed(upward):
        own = _OWN(spans[place])
        parent = parents[place]
        above = _ABSENT if parent == ROOT else found[parent]
        if own in (_NOTHING, above):
            found[place] = above
        else:
            found[place] = _or_else(Belonging(*own), above)
    return _filled_up(found, spans)


def _filled_up(found: list[Belonging], spans: list[SpanFacts]) -> list[Belonging]:
    """Give spans without one the id of the trace's earliest span that has one; agents have none."""
    different = set(found)
    if all(all(one[:_IDS]) for one in different):
        return found
    usual = _ABSENT
    for span in sorted((span for span in spans if _OWN(span) != _NOTHING), key=began_first):
        usual = _or_else(usual, _OWN(span))
    usual = usual._replace(agent_name="")
    filled = {one: _or_else(one, usual) for one in different}
    return [filled[one] for one in found]


def _or_else(known: Belonging, other: tuple[str, ...]) -> Belonging:
    return Belonging(*(one or another for one, another in zip(known, other, strict=True)))


_ABSENT: Final = Belonging(*_NOTHING)
