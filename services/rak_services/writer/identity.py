"""Which batch is which, and what the writer says to its successor about one under way."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from rak_libs.kafka.consumer import Record

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BatchIdentity:
    """The name of a batch: the same messages have the same, whoever reads them and whenever.

    Attributes:
        token: 32 hexadecimal digits; what the engine deduplicates by begins with it.
    """

    token: str

    @property
    def number(self) -> int:
        """The first 64 bits of the token: `_batch` of every row."""
        return int(self.token[:16], 16)


def identify(first: Record, last_offset: int) -> BatchIdentity:
    """Name the batch from one message of a partition to the one at `last_offset`.

    Offsets start again when a topic is made anew or the embedded broker comes back empty, so they
    alone would give new messages an old name, and the engine would drop them as repeated: the
    time and the CRC-32 of the first message are part of it.
    """
    parts = (first.topic, first.partition, first.offset, last_offset)
    text = "\0".join(map(str, (*parts, first.timestamp_ms, zlib.crc32(first.value))))
    return BatchIdentity(hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


class IntentOfAnotherVersion(ValueError):
    """A writer of another version has begun a batch that this one does not know how to form."""


class Intent(msgspec.Struct, frozen=True):
    """What is committed beside the offset of a batch's first message before its INSERT.

    As JSON, `{"v":1,"e":1200,"b":"0123…"}`, in the metadata of the committed offset. Whoever gets
    the partition next and finds it cannot know how far the INSERT came, so it forms exactly this
    batch again.

    Attributes:
        version: Of this form.
        end_offset: The offset after the batch's last message.
        token: `BatchIdentity.token`.
    """

    end_offset: int = msgspec.field(name="e")
    token: str = msgspec.field(name="b")
    version: int = msgspec.field(name="v", default=_VERSION)

    def to_note(self) -> str:
        """Encode for the offset's metadata; about 70 bytes."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_note(cls, note: str) -> "Intent | None":
        """Decode; None when there is none.

        Raises:
            IntentOfAnotherVersion: It is one that this program does not know.
            ValueError: The text is no intent.
        """
        if not note:
            return None
        try:
            intent = msgspec.json.decode(note, type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"no intent of a writer: {error}") from error
        if intent.version != _VERSION:
            raise IntentOfAnotherVersion(
                f"an intent of version {intent.version}; this writer knows {_VERSION}"
            )
        return intent
