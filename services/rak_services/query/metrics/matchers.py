"""Conditions on the labels of series, as a URL says them: `code=200`, `route=~/api/.*`."""

import re
from typing import Any, ClassVar, Final, Literal, Self, cast

import msgspec

from rak_libs.clickhouse.parameters import Parameter
from rak_services.query.metrics.labels import label_sql

Operator = Literal["=", "!=", "=~", "!~"]

_MATCHER: Final = re.compile(r'("(?:[^"\\]|\\.)*"|[^"=!~]+)(=~|!~|!=|=)(.*)', re.DOTALL)
_TEMPLATES: Final[dict[Operator, str]] = {
    "=": "{label} = {text}",
    "!=": "{label} != {text}",
    "=~": "match({label}, {text})",
    "!~": "NOT match({label}, {text})",
}


class Matcher:
    """One condition on a label; a series without the label has it as the empty text.

    Attributes:
        label: The label's name.
        operator: Equal, unequal, or a regular expression (RE2) that the whole text must match.
        text: What is compared with.
    """

    EXPECTED: ClassVar = (
        'a label, one of the operators =, !=, =~, !~, and a text (code=200, route=~"/api/.*")'
    )
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": r'^("([^"\\]|\\.)*"|[^"=!~]+)(=|!=|=~|!~)',
    }

    __slots__ = ("label", "operator", "text")

    def __init__(self, label: str, operator: Operator, text: str) -> None:
        self.label = label
        self.operator = operator
        self.text = text

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the matcher of a text; ValueError when it is none.

        A name or a text in double quotes is a JSON string; without quotes it is taken as it is.
        """
        found = _MATCHER.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no matcher")
        label, operator, compared = found.groups()
        return cls(_unquoted(label), cast("Operator", operator), _unquoted(compared))

    def condition(self, number: int) -> tuple[str, dict[str, Parameter]]:
        """Return the condition on a row of `metric_series`, and the values of its placeholders.

        Args:
            number: Tells its placeholders from those of other matchers.
        """
        label, parameters = label_sql(self.label, f"matcher_{number}_label")
        name = f"matcher_{number}_text"
        pattern = self.operator in {"=~", "!~"}
        parameters[name] = f"^(?s:{self.text})$" if pattern else self.text
        text = _TEMPLATES[self.operator].format(label=label, text=f"%({name})s")
        return text, parameters


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return msgspec.json.decode(text, type=str)
    except msgspec.DecodeError:
        raise ValueError(f"{text!r} is no text in quotes") from None
