"""A profile as columns: its samples, locations and functions without an object for each.

protobuf reads the profile's outline (`bare_profile`), `number_messages` what is in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from rak_libs.pprof.errors import ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.field_flood import MAX_MAPPINGS, MAX_SAMPLE_TYPES, limit_fields
from rak_libs.pprof.number_messages import (
    Bits,
    IrregularMessage,
    MessageForm,
    Messages,
    Numbers,
    TooManyFields,
    fields,
    read_messages,
    rows_of,
)
from rak_libs.pprof.profile_pb2 import DESCRIPTOR, Function, Label, Line, Location, Profile, Sample

MAX_FIELDS: Final = 8_192
"""Labels of a sample, or lines of a location, and what else each has."""

_FEW_FIELDS: Final = 64
MAX_ENTRIES: Final = 4_000_000
"""Locations in all stacks, values or labels of all samples, or lines of all locations."""

_MAX_IRREGULAR_BYTES: Final = 4 << 20
_PIECE_BYTES: Final = 1 << 20
_READ_AS_NUMBERS: Final = frozenset({"sample", "location", "function"})
_FUNCTION: Final = MessageForm(Function.DESCRIPTOR)
_LABEL: Final = MessageForm(Label.DESCRIPTOR)
_LINE: Final = MessageForm(Line.DESCRIPTOR)
_LOCATION: Final = MessageForm(Location.DESCRIPTOR)
_SAMPLE: Final = MessageForm(Sample.DESCRIPTOR)


def _bare_profile() -> Any:
    file = FileDescriptorProto()
    DESCRIPTOR.CopyToProto(file)
    (profile,) = (each for each in file.message_type if each.name == "Profile")
    for field in profile.field:
        if field.name in _READ_AS_NUMBERS:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(Profile.DESCRIPTOR.full_name))


BareProfile: Final = _bare_profile()
"""`Profile`, but for samples, locations and functions: each is the bytes of a serialized message,
not yet known to be valid."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a profile.

    Attributes:
        depths: Of each, how many locations its stack has.
        locations: The ids of all stacks' locations, each the leaf first.
        value_counts: Of each, how many values it has.
        values: The values of all.
        label_counts: Of each, how many labels it has.
        label_keys: The keys of all labels, texts' indexes.
        label_texts: Their texts, texts' indexes; 0 for a number.
        label_numbers: Their numbers.
        label_units: The numbers' units, texts' indexes.
        location_rows: Of each of the stacks' locations its place in `Locations`, -1 for none.
    """

    depths: Numbers
    locations: Bits
    value_counts: Numbers
    values: Numbers
    label_counts: Numbers
    label_keys: Numbers
    label_texts: Numbers
    label_numbers: Numbers
    label_units: Numbers
    location_rows: Numbers


@dataclass(frozen=True, slots=True)
class Locations:
    """The locations of a profile, and the lines of all of them.

    Attributes:
        ids: Their ids.
        mapping_ids: The ids of their mappings, 0 for none.
        addresses: Their addresses.
        line_counts: Of each, how many lines it has.
        line_functions: The ids of the lines' functions, 0 for none; of each location the innermost
            first.
        lines: The numbers of the lines.
        line_columns: The columns in the lines.
        mapping_rows: Of each its mapping's place in the profile's, -1 for none.
        function_rows: Of each line its function's place in `Functions`, -1 for none.
    """

    ids: Bits
    mapping_ids: Bits
    addresses: Bits
    line_counts: Numbers
    line_functions: Bits
    lines: Numbers
    line_columns: Numbers
    mapping_rows: Numbers
    function_rows: Numbers


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a profile; names and files are texts' indexes."""

    ids: Bits
    names: Numbers
    system_names: Numbers
    filenames: Numbers
    start_lines: Numbers


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """A profile.

    Attributes:
        head: Everything else of it, as in `Profile`: sample types, mappings, texts, times.
        texts: The string table.
        samples: Its samples.
        locations: Its locations.
        functions: Its functions.
    """

    head: Any
    texts: Sequence[str]
    samples: Samples
    locations: Locations
    functions: Functions


def read_columns(content: bytes, max_samples: int) -> ProfileColumns:
    """Parse a profile; nothing in it is checked but its size.

    Args:
        content: A serialized `Profile`, not compressed.
        max_samples: How many samples are taken.

    Raises:
        UndecodableProfile: The bytes are no profile.
        ProfileTooLarge: Too many samples, labels of one, or lines of a location.
    """
    limit_fields(content, max_samples)
    try:
        try:
            return _read(content, max_samples, _FEW_FIELDS)
        except TooManyFields:
            return _read(content, max_samples, MAX_FIELDS)
        except IrregularMessage:
            return _read(_regular(content), max_samples, MAX_FIELDS)
    except DecodeError as error:
        raise UndecodableProfile(
            "the profile cannot be decoded; expected a serialized pprof Profile"
        ) from error
    except IrregularMessage as error:
        raise ProfileTooLarge(
            f"{error}: a sample has too many labels or locations, or a location too many lines"
        ) from error


def _regular(content: bytes) -> bytes:
    """Return the same profile as protobuf itself writes it, without what it does not know.

    Raises:
        ProfileTooLarge: It is so large that an object for each message might take too much memory.
    """
    if len(content) > _MAX_IRREGULAR_BYTES:
        raise ProfileTooLarge(
            f"the profile exceeds {_MAX_IRREGULAR_BYTES} bytes and has fields that are unknown, or "
            "not written as protobuf writes them"
        )
    profile = Profile.FromString(content)
    profile.DiscardUnknownFields()
    return profile.SerializeToString()


def _read(content: bytes, max_samples: int, most: int) -> ProfileColumns:
    head = BareProfile.FromString(content)
    for count, most_taken, name in (
        (len(head.sample), max_samples, "samples"),
        (len(head.sample_type), MAX_SAMPLE_TYPES, "sample types"),
        (len(head.mapping), MAX_MAPPINGS, "mappings"),
    ):
        if count > most_taken:
            raise ProfileTooLarge(f"the profile has {count} {name}; at most {most_taken} are taken")
    functions = Functions(*_in_pieces(head.function[:], _functions, most))
    mapping_ids = np.array([mapping.id for mapping in head.mapping], np.uint64)
    of_locations = _in_pieces(head.location[:], _locations, most)
    ids, mappings, line_functions = of_locations[0], of_locations[1], of_locations[4]
    of_locations += (rows_of(mappings, mapping_ids), rows_of(line_functions, functions.ids))
    locations = Locations(*of_locations)
    of_samples = _in_pieces(head.sample[:], _samples, most)
    samples = Samples(*(*of_samples, rows_of(of_samples[1], ids)))
    return ProfileColumns(head, head.string_table[:], samples, locations, functions)


_Columns = tuple[Any, ...]


def _in_pieces(
    contents: list[bytes], read: Callable[[Messages, int], _Columns], most: int
) -> _Columns:
    """Read messages a megabyte at a time: as numbers they take thirty times their size."""
    ends = np.cumsum(np.fromiter(map(len, contents), np.int64, len(contents)))
    if not len(ends) or ends[-1] <= _PIECE_BYTES:
        return read(read_messages(contents), most)
    columns: list[_Columns] = []
    begin = entries = 0
    while begin < len(contents):
        read_until = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, read_until + _PIECE_BYTES, "right")), begin + 1)
        if len(contents[begin]) > _PIECE_BYTES:
            raise TooManyFields(f"a message has more than {_PIECE_BYTES} bytes")
        columns.append(read(read_messages(contents[begin:end]), most))
        entries += max(map(len, columns[-1]))
        if entries > MAX_ENTRIES:
            raise ProfileTooLarge(
                f"the profile has more than {MAX_ENTRIES} locations of stacks, values, labels or "
                "lines"
            )
        begin = end
    return tuple(map(np.concatenate, zip(*columns, strict=True)))


def _samples(messages: Messages, most: int) -> _Columns:
    found = fields(messages, _SAMPLE, most)
    locations, depths = found.repeated(1)
    values, value_counts = found.repeated(2)
    labels, label_samples = found.embedded(3)
    label = fields(labels, _LABEL, most)
    label_counts = np.bincount(label_samples, minlength=len(depths))
    label_columns = [_signed(label.column(number)) for number in (1, 2, 3, 4)]
    return (depths, locations, value_counts, _signed(values), label_counts, *label_columns)


def _locations(messages: Messages, most: int) -> _Columns:
    found = fields(messages, _LOCATION, most)
    lines, line_locations = found.embedded(4)
    line = fields(lines, _LINE, most)
    ids = found.column(1)
    line_counts = np.bincount(line_locations, minlength=len(ids))
    line_columns = (line.column(1), _signed(line.column(2)), _signed(line.column(3)))
    return (ids, found.column(2), found.column(3), line_counts, *line_columns)


def _functions(messages: Messages, most: int) -> _Columns:
    found = fields(messages, _FUNCTION, most)
    return (found.column(1), *(_signed(found.column(number)) for number in (2, 3, 4, 5)))


def _signed(numbers: Bits) -> Numbers:
    return numbers.view(np.int64)
