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
            found[place] = Belonging(
                *(mine or theirs for mine, theirs in zip(own, above, strict=True))
            )
    return _filled_up(found, spans)


def _filled_up(found: list[Belonging], spans: list[SpanFacts]) -> list[Belonging]:
    """Give spans without one the id of the trace's earliest span that has one; agents have none."""
    usual = _ABSENT
    for span in sorted(spans, key=began_first):
        usual = Belonging(*(known or new for known, new in zip(usual, _OWN(span), strict=True)))
    usual = usual._replace(agent_name="")
    if usual == _ABSENT:
        return found
    return [
        belonging
        if all(belonging[:4])
        else Belonging(*(known or new for known, new in zip(belonging, usual, strict=True)))
        for belonging in found
    ]


_ABSENT: Final = Belonging(*_NOTHING)
