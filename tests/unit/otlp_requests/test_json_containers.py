import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.otlp.json_containers import containers_at_most, count_containers

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='{}[]"\\a\n'),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='{["\\', max_size=3), inner, max_size=4)
    ),
)


def contained(value: object) -> int:
    if isinstance(value, list):
        return 1 + sum(contained(each) for each in value)
    if isinstance(value, dict):
        return 1 + sum(contained(each) for each in value.values())
    return 0


@given(VALUES)
def test_objects_and_arrays_are_counted_and_what_strings_hold_is_not(value: object) -> None:
    body = msgspec.json.encode(value)
    assert count_containers(body) == contained(value)
    assert containers_at_most(body) >= contained(value)


def test_strings_may_be_longer_than_what_is_looked_at_at_once() -> None:
    body = b'[{"' + b"{" * 3 * 1024 * 1024 + b'": []}]'
    assert count_containers(body) == 3
