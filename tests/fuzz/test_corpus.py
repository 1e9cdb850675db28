"""Every input that the fuzzer kept, and every one that ever broke a promise, keeps it now."""

from pathlib import Path

import pytest

from fuzz.targets import ENCODINGS, TARGETS
from rak_libs.receiving.content_encoding import body_decoder

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_breaks_no_promise(target: str) -> None:
    inputs = sorted((CORPUS / target).iterdir())
    assert len(inputs) >= 10
    for path in inputs:
        try:
            TARGETS[target](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{target}: {path.name}") from error


def test_the_corpus_is_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert len(files) < 350
    assert sum(path.stat().st_size for path in files) < 1024 * 1024


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_of_the_target_is_one_that_the_receiver_reads(encoding: str) -> None:
    assert body_decoder(encoding, 1) is not None
