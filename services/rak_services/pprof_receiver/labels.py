"""The parameter `labels`: a JSON object, or `name=text,name=text`."""

from typing import Final

import msgspec

from rak_services.pprof_receiver.errors import BadParameter

MAX_LABELS: Final = 64
MAX_CHARACTERS: Final = 1_024
"""Of a label's name, of its text, and of every other text of the context."""

_LABELS: Final = "labels"
_EXPECTED: Final = 'expected a JSON object of texts, {"zone":"b"}, or zone=b,host=a'
_OBJECT: Final = msgspec.json.Decoder(dict[str, str | int | float | bool])


def read_labels(text: str) -> tuple[tuple[str, str], ...]:
    """Return names and texts in the order in which they came.

    Raises:
        BadParameter: The text is neither form, or says too much.
    """
    labels = _from_json(text) if text.lstrip().startswith("{") else _from_list(text)
    if len(labels) > MAX_LABELS:
        raise BadParameter(_LABELS, f"expected at most {MAX_LABELS} labels, got {len(labels)}")
    for name, value in labels.items():
        if not name:
            raise BadParameter(_LABELS, "a label has no name")
        if max(len(name), len(value)) > MAX_CHARACTERS:
            problem = f"a label is longer than {MAX_CHARACTERS} characters"
            raise BadParameter(_LABELS, problem)
    return tuple(labels.items())


def _from_json(text: str) -> dict[str, str]:
    try:
        said = _OBJECT.decode(text)
    except msgspec.DecodeError as error:
        raise BadParameter(_LABELS, _EXPECTED) from error
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in said.items()
    }


def _from_list(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadParameter(_LABELS, _EXPECTED)
        labels[name.strip()] = value.strip()
    return labels
