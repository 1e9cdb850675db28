"""Every way to send a profile ends in the same bytes in the topic, with the context in headers."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from compressions import COMPRESSIONS
from integration.otlp_receiver.agents import Answer
from integration.pprof_receiver.agents import PATHS, PprofReceiver, Published
from pprof_generation import small_profile
from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.profile_id import profile_id

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TYPES = dict(zip(PATHS, ("CPU", "HEAP", "GOROUTINE", "BLOCK", "MUTEX", "ALLOCS"), strict=True))
ZIPPED = {"gzip": gzip.compress, "": bytes}


def new_profile() -> bytes:
    """A profile that no other test has sent: it begins now."""
    return small_profile().SerializeToString()


def accepted_id(answer: Answer) -> str:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body
    said = json.loads(answer.body)
    assert said["status"] == "accepted"
    name: str = said["profile_id"]
    return name


def published(receiver: PprofReceiver, content: bytes) -> Published:
    (found,) = [each for each in receiver.published() if each.value == content]
    return found


@pytest.mark.parametrize("path", PATHS)
def test_each_path_is_of_one_type(receiver: PprofReceiver, path: str) -> None:
    content = new_profile()
    name = accepted_id(receiver.post(content, path))
    found = published(receiver, content)
    assert found.context == ProfileContext(ProfileType[TYPES[path]])
    assert name == profile_id(content, found.context)
    assert (found.envelope.accepted, found.envelope.rejected) == (1, 0)
    series = f'ingest_profiles_received_total{{profile_type="{TYPES[path]}"}}'
    assert receiver.metric(series) >= 1


@pytest.mark.parametrize("zipped", ZIPPED)
@pytest.mark.parametrize("encoding", ["", *COMPRESSIONS])
def test_a_profile_is_published_without_gzip_and_content_encoding(
    receiver: PprofReceiver, zipped: str, encoding: str
) -> None:
    content = new_profile()
    body = ZIPPED[zipped](content)
    if encoding:
        body = COMPRESSIONS[encoding](body)
    headers = {"content-encoding": encoding} if encoding else {}
    name = accepted_id(receiver.post(body, headers=headers))
    assert name == profile_id(content, published(receiver, content).context)


CONTEXT = ProfileContext(
    ProfileType.HEAP,
    service_name="shop é",
    invocation_id="inv-1",
    session_id="ses-1",
    trace_id=TRACE_ID,
    span_id=SPAN_ID,
    agent_name="planner",
    labels=(("zone", "b"), ("host", "a")),
)
TEXTS = {
    "service_name": "shop é",
    "invocation_id": "inv-1",
    "session_id": "ses-1",
    "trace_id": TRACE_ID,
    "span_id": SPAN_ID,
    "agent_name": "planner",
    "labels": '{"zone":"b","host":"a"}',
}


def test_the_context_of_the_query_is_in_headers_of_the_message(receiver: PprofReceiver) -> None:
    content = new_profile()
    name = accepted_id(receiver.post(content, "heap", **TEXTS))
    assert published(receiver, content).context == CONTEXT
    assert name == profile_id(content, CONTEXT)


@pytest.mark.parametrize("form", ["X-Rak-{}", "{}"])
def test_the_context_of_headers_is_in_headers_of_the_message(
    receiver: PprofReceiver, form: str
) -> None:
    content = new_profile()
    # urllib writes headers in latin-1, so UTF-8 has to be given to it as such.
    headers = {
        form.format(name.replace("_", "-")): text.encode().decode("latin-1")
        for name, text in TEXTS.items()
    }
    accepted_id(receiver.post(content, "heap", headers))
    assert published(receiver, content).context == CONTEXT


def test_the_header_of_trace_context_tells_the_span(receiver: PprofReceiver) -> None:
    content = new_profile()
    accepted_id(receiver.post(content, headers={"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}))
    context = published(receiver, content).context
    assert (context.trace_id, context.span_id) == (TRACE_ID, SPAN_ID)


def test_a_profile_that_says_no_time_is_taken(receiver: PprofReceiver) -> None:
    profile = small_profile()
    profile.time_nanos = 0
    profile.comment.append(5)
    accepted_id(receiver.post(profile.SerializeToString()))


def test_the_same_profile_has_the_same_id_and_another_context_another_one(
    receiver: PprofReceiver,
) -> None:
    content = new_profile()
    first = accepted_id(receiver.post(content, labels="a=1,b=2"))
    assert accepted_id(receiver.post(gzip.compress(content), labels='{"b":"2","a":"1"}')) == first
    assert accepted_id(receiver.post(content, "heap", labels="a=1,b=2")) != first
    assert accepted_id(receiver.post(content, labels="a=1")) != first


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
class TestCurl:
    """What the documentation shows, with the program that it names."""

    @staticmethod
    def run(*arguments: str) -> Answer:
        command = ["curl", "--silent", "--show-error", "--max-time", "30", *arguments]
        shown = subprocess.run(
            [*command, "--write-out", "%{stderr}%{http_code} %{content_type}"],
            capture_output=True,
            check=True,
        )
        status, _, content_type = shown.stderr.decode().partition(" ")
        return Answer(int(status), {"content-type": content_type}, shown.stdout)

    @pytest.mark.parametrize("zipped", ZIPPED)
    def test_a_form_with_a_file(self, receiver: PprofReceiver, tmp_path: Path, zipped: str) -> None:
        content = new_profile()
        file = tmp_path / "heap.pb.gz"
        file.write_bytes(ZIPPED[zipped](content))
        fields = [part for name, text in TEXTS.items() for part in ("-F", f"{name}={text}")]
        name = accepted_id(self.run("-F", f"profile=@{file}", *fields, f"{receiver.url}/heap"))
        assert published(receiver, content).context == CONTEXT
        assert name == profile_id(content, CONTEXT)

    def test_a_file_as_it_is(self, receiver: PprofReceiver, tmp_path: Path) -> None:
        content = new_profile()
        file = tmp_path / "cpu.pb.gz"
        file.write_bytes(gzip.compress(content))
        url = f"{receiver.url}/profile?service_name=shop"
        accepted_id(self.run("--data-binary", f"@{file}", url))
        assert published(receiver, content).context.service_name == "shop"

    def test_a_file_in_chunks_of_unknown_number(
        self, receiver: PprofReceiver, tmp_path: Path
    ) -> None:
        content = new_profile()
        file = tmp_path / "cpu.pb"
        file.write_bytes(content)
        chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue")
        accepted_id(self.run("-X", "POST", "-T", str(file), *chunked, f"{receiver.url}/profile"))
        assert published(receiver, content).value == content
