"""Merged stacks as a pprof profile, gzipped, as programs write them.

Frames are as they were sent, so `group_by` has no say in them; its roots become labels of the
samples, which `go tool pprof -tagroot` puts above the stacks.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rak_libs.pprof import profile_pb2
from rak_services.query.endpoint import EncodedAnswer
from rak_services.query.profiles.merged import MergedStacks
from rak_services.query.profiles.shown import Grouping
from rak_services.query.profiles.stacks import Frame


def pprof_file(merged: MergedStacks, grouping: Grouping) -> EncodedAnswer:
    """Return merged stacks as a profile of one value that `go tool pprof` opens."""
    written = _Written()
    type_, _, unit = merged.sample_type.partition("/")
    written.profile.sample_type.add(type=written.text(type_), unit=written.text(unit))
    keys = [written.text(root.name.removeprefix("label.")) for root in grouping.roots]
    labels = [[written.text(text) for text in texts] for texts in merged.root_texts]
    starts, frames = merged.stacks.starts.tolist(), merged.stacks.frames.tolist()
    roots = merged.roots.tolist()
    for number, value in enumerate(merged.stacks.values[:, 0].tolist()):
        stack = [merged.frames[frame] for frame in frames[starts[number] : starts[number + 1]]]
        sample = written.profile.sample.add(value=[value])
        sample.location_id.extend(written.location(lines) for lines in _locations(stack))
        for key, text in zip(keys, labels[roots[number]], strict=True):
            if text:
                sample.label.add(key=key, str=text)
    body = gzip.compress(written.finished().SerializeToString(), compresslevel=1, mtime=0)
    return EncodedAnswer(body, {"Content-Type": "application/octet-stream"})


def _locations(stack: Sequence[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Yield the frames of each location: functions that were inlined, and what holds them."""
    lines: list[Frame] = []
    for frame in stack:
        lines.append(frame)
        if not frame.inlined:
            yield tuple(lines)
            lines = []
    if lines:
        yield tuple(lines)


@dataclass(slots=True)
class _Written:
    """A profile that is being written, and the numbers of what is in it."""

    profile: profile_pb2.Profile = field(default_factory=profile_pb2.Profile)
    _texts: dict[str, int] = field(default_factory=lambda: {"": 0})
    _mappings: dict[str, int] = field(default_factory=dict)
    _functions: dict[tuple[str, str, str, int], int] = field(default_factory=dict)
    _locations: dict[tuple[Frame, ...], int] = field(default_factory=dict)

    def text(self, text: str) -> int:
        """Return the index of a text."""
        return self._texts.setdefault(text, len(self._texts))

    def location(self, lines: tuple[Frame, ...]) -> int:
        """Return the id of a location; its innermost function comes first."""
        known = self._locations.get(lines)
        if known is not None:
            return known
        number = self._locations[lines] = len(self._locations) + 1
        location = self.profile.location.add(id=number, address=lines[-1].address)
        location.mapping_id = self._mapping(lines[-1].mapping)
        for frame in lines:
            if frame.function or frame.file:
                location.line.add(
                    function_id=self._function(frame), line=frame.line, column=frame.column
                )
        return number

    def finished(self) -> profile_pb2.Profile:
        """Return the profile with its texts."""
        self.profile.string_table[:] = self._texts
        return self.profile

    def _mapping(self, file: str) -> int:
        if not file:
            return 0
        number = self._mappings.setdefault(file, len(self._mappings) + 1)
        if number > len(self.profile.mapping):
            # It says that it has functions, so that nobody looks for the file to find them.
            self.profile.mapping.add(
                id=number,
                filename=self.text(file),
                has_functions=True,
                has_filenames=True,
                has_line_numbers=True,
                has_inline_frames=True,
            )
        return number

    def _function(self, frame: Frame) -> int:
        key = (frame.function, frame.system_name, frame.file, frame.start_line)
        number = self._functions.setdefault(key, len(self._functions) + 1)
        if number > len(self.profile.function):
            self.profile.function.add(
                id=number,
                name=self.text(frame.function),
                system_name=self.text(frame.system_name),
                filename=self.text(frame.file),
                start_line=frame.start_line,
            )
        return number
