"""`rak-writer dlq list|show|replay|drop`: what each does, from the broker to the terminal."""

import getpass
import os
import socket
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from msgspec.structs import replace

from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topic_reader import TopicReader, open_reader
from rak_libs.kafka.topics import dead_letter_topic
from rak_libs.runtime.settings import Config, KafkaSettings
from rak_services.writer.dlq.letter_log import LetterLog
from rak_services.writer.dlq.letters import Letter, State
from rak_services.writer.dlq.markers import Marker, Step
from rak_services.writer.dlq.payload import payload_text, verdict
from rak_services.writer.dlq.report import (
    letter_text,
    letters_json,
    letters_table,
    result_line,
    summary,
)
from rak_services.writer.dlq.selection import NoSuchLetter, Selection
from rak_services.writer.dlq.sending import (
    DONE,
    Operator,
    Outcome,
    Result,
    Sender,
    publish_marker,
)
from rak_services.writer.exit_status import ExitStatus
from rak_services.writer.signals import SIGNALS

CLIENT_ID: Final = "rak-writer-dlq"
STATES: Final = {
    "open": frozenset({State.OPEN, State.CLAIMED}),
    "replayed": frozenset({State.REPLAYED}),
    "dropped": frozenset({State.DROPPED}),
    "all": frozenset(State),
}
_PUBLISH_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0


async def list_letters(config: Config, arguments: Namespace) -> ExitStatus:
    """Print the letters that the arguments ask for, of one topic or of all."""
    topics = [arguments.topic] if arguments.topic else sorted({s.topic for s in SIGNALS.values()})
    selection = Selection(
        (), arguments.reason, arguments.from_ns, arguments.to_ns, STATES[arguments.state]
    )
    found: list[Letter] = []
    async with open_reader(config.kafka, CLIENT_ID) as reader:
        for topic in topics:
            log = await _read_log(reader, topic)
            found += selection.of(log.book, dead_letter_topic(topic))
    if arguments.format == "json":
        print(letters_json(found))
        return ExitStatus.DONE
    if found:
        print(letters_table(found))
    counts = Counter(str(letter.state) for letter in found)
    print(summary(", ".join(map(dead_letter_topic, topics)), counts), file=sys.stderr)
    return ExitStatus.DONE


async def show_letter(config: Config, arguments: Namespace) -> ExitStatus:
    """Print one letter: what is known of it, what a writer would do with it now, its payload."""
    topic = arguments.topic
    async with open_reader(config.kafka, CLIENT_ID) as reader:
        log = await _read_log(reader, topic)
        (letter,) = Selection(ids=[arguments.id]).of(log.book, dead_letter_topic(topic))
        record = (await log.records([letter])).get(letter.key)
    if record is None:
        raise NoSuchLetter(f"{letter.topic} has no letter {letter.id} any more: it expired")
    print(letter_text(letter, record.headers))
    signal = next(signal for signal in SIGNALS.values() if signal.topic == topic)
    now = verdict(signal, signal.retention_days(config.storage), record.value, time.time_ns())
    print(f"sent again now\n  {now}")
    print(f"payload\n{payload_text(topic, record.value)}")
    return ExitStatus.DONE


async def replay_letters(config: Config, arguments: Namespace) -> ExitStatus:
    """Send letters to their topic again, and print what became of each."""
    async with _selected(config.kafka, arguments) as (log, reader, letters):
        sending, results = _to_send(letters, again=arguments.again)
        if arguments.dry_run:
            return _print_plan(arguments, sending, "would be sent")
        async with _publishing(config.kafka) as publisher:
            sender = Sender(
                log,
                reader,
                publisher,
                _operator(),
                takes_over=arguments.take_over,
                sends_again=arguments.again,
            )
            return await _print_results(arguments, results, sender.send(sending))


async def drop_letters(config: Config, arguments: Namespace) -> ExitStatus:
    """Mark letters as dropped, and print what became of each."""
    async with _selected(config.kafka, arguments) as (_, _, letters):
        dropping, results = _to_drop(letters)
        if arguments.dry_run:
            return _print_plan(arguments, dropping, "would be dropped")
        async with _publishing(config.kafka) as publisher:
            return await _print_results(arguments, results, _drop(publisher, dropping))


async def _drop(publisher: Publisher, letters: Sequence[Letter]) -> AsyncIterator[Result]:
    operator = _operator()
    for letter in letters:
        marker = Marker(Step.DROPPED, letter.key, 0, operator.run, operator.name)
        await publish_marker(publisher, letter, marker)
        yield Result(letter, Outcome.DROPPED)


def _to_send(letters: Sequence[Letter], *, again: bool) -> tuple[list[Letter], list[Result]]:
    sending: list[Letter] = []
    results: list[Result] = []
    for letter in letters:
        if letter.state is State.DROPPED:
            results.append(Result(letter, Outcome.DROPPED, "dropped letters are not sent"))
        elif letter.rounds and not again and not letter.open_claims():
            results.append(Result(letter, Outcome.ALREADY, "left alone without --again"))
        else:
            sending.append(letter)
    return sending, results


def _to_drop(letters: Sequence[Letter]) -> tuple[list[Letter], list[Result]]:
    dropping: list[Letter] = []
    results: list[Result] = []
    for letter in letters:
        if letter.state is State.CLAIMED:
            text = "its message may have been sent; `dlq replay` finds out"
            results.append(Result(letter, Outcome.BUSY, text))
        elif letter.state is State.REPLAYED:
            results.append(Result(letter, Outcome.ALREADY, "nothing to drop"))
        elif letter.state is State.DROPPED:
            results.append(Result(letter, Outcome.DROPPED, "before"))
        else:
            dropping.append(letter)
    return dropping, results


async def _print_results(
    arguments: Namespace, before: Sequence[Result], results: AsyncIterator[Result]
) -> ExitStatus:
    """Print each letter that something was done with, or that was named, and the sum of all."""
    outcomes = [result.outcome for result in before]
    if arguments.ids:
        for result in before:
            print(result_line(result))
    async for result in results:
        print(result_line(result), flush=True)
        outcomes.append(result.outcome)
    print(summary(dead_letter_topic(arguments.topic), Counter(outcomes)), file=sys.stderr)
    return ExitStatus.DONE if DONE.issuperset(outcomes) else ExitStatus.LEFT


def _print_plan(arguments: Namespace, letters: Sequence[Letter], what: str) -> ExitStatus:
    if letters:
        print(letters_table(letters))
    count = Counter({what: len(letters)} if letters else {})
    print(summary(dead_letter_topic(arguments.topic), count), file=sys.stderr)
    return ExitStatus.DONE


@asynccontextmanager
async def _selected(
    settings: KafkaSettings, arguments: Namespace
) -> AsyncIterator[tuple[LetterLog, TopicReader, list[Letter]]]:
    async with open_reader(settings, CLIENT_ID) as reader:
        log = await _read_log(reader, arguments.topic)
        selection = Selection(arguments.ids, arguments.reason, arguments.from_ns, arguments.to_ns)
        yield log, reader, selection.of(log.book, dead_letter_topic(arguments.topic))


async def _read_log(reader: TopicReader, topic: str) -> LetterLog:
    log = LetterLog(reader, dead_letter_topic(topic))
    await log.catch_up()
    if log.book.others:
        text = f"{dead_letter_topic(topic)}: {log.book.others} records are of somebody else"
        print(text, file=sys.stderr)
    return log


@asynccontextmanager
async def _publishing(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    # A claim must outlast the sending of its message.
    seconds = min(settings.publish_timeout_seconds, _PUBLISH_SECONDS)
    publisher = Publisher(replace(settings, publish_timeout_seconds=seconds), CLIENT_ID)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(_STOP_SECONDS)


def _operator() -> Operator:
    return Operator(uuid4().hex, f"{_user()}@{socket.gethostname()}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return str(os.getuid())
