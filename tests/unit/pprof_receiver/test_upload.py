"""A body is the profile itself, or a form that holds it in one file."""

import pytest

from rak_libs.receiving.errors import UndecodableBody, UnsupportedContentType
from rak_services.pprof_receiver.errors import BadParameter
from rak_services.pprof_receiver.upload import Upload, read_upload

PROFILE = b"\x1f\x8b\r\n--not the boundary\r\n\x00"
FORM = "multipart/form-data; boundary=abc"


def part(disposition: str, content: bytes, headers: str = "") -> bytes:
    head = f"--abc\r\nContent-Disposition: form-data; {disposition}\r\n{headers}\r\n"
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--abc--\r\n"


FILE = part('name="p"; filename="cpu.pb.gz"', PROFILE, "Content-Type: application/octet-stream\r\n")


@pytest.mark.parametrize(
    "content_type",
    ["", "application/octet-stream", "application/x-www-form-urlencoded", "no media type"],
)
def test_a_body_of_any_other_type_is_the_profile(content_type: str) -> None:
    assert read_upload(PROFILE, content_type) == Upload(PROFILE)


def test_the_file_of_a_form_is_the_profile_and_its_fields_are_texts() -> None:
    body = form(part('name="service_name"', "é".encode()), FILE, part('name="labels"', b"a=b"))
    upload = read_upload(body, FORM)
    assert upload == Upload(PROFILE, [("service_name", "é"), ("labels", "a=b")])


@pytest.mark.parametrize("name", ["profile", "file"])
def test_a_field_of_that_name_needs_no_file_name(name: str) -> None:
    assert read_upload(form(part(f'name="{name}"', PROFILE)), FORM) == Upload(PROFILE, [])


def test_the_boundary_may_be_quoted_and_the_type_in_capitals() -> None:
    content_type = 'Multipart/Form-Data; charset=utf-8; boundary="abc"'
    assert read_upload(form(FILE), content_type).content == PROFILE


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (form(FILE), "multipart/form-data", "names no boundary"),
        (form(FILE), "multipart/form-data; boundary=", "names no boundary"),
        (form(FILE), "multipart/form-data; boundary=xyz", "not multipart/form-data"),
        (form(FILE), f"multipart/form-data; boundary={'x' * 300}", "not multipart/form-data"),
        (PROFILE, FORM, "not multipart/form-data"),
        (b"", FORM, "cut off"),
        (form(FILE)[:-9], FORM, "cut off"),
        (form(FILE)[:60], FORM, "cut off"),
        (form(), FORM, "not multipart/form-data|0 files"),
        (form(part('name="service_name"', b"a")), FORM, "0 files; expected one"),
        (form(FILE, FILE), FORM, "2 files; expected one"),
        (form(*[part('name="labels"', b"")] * 33), FORM, "more than 32 fields"),
        (form(part('name="profile"', b"", "a: b\r\n" * 50)), FORM, "not multipart/form-data"),
    ],
)
def test_a_form_that_holds_no_profile_is_refused(body: bytes, content_type: str, text: str) -> None:
    with pytest.raises(UndecodableBody, match=text):
        read_upload(body, content_type)


def test_other_bodies_of_parts_are_not_taken() -> None:
    with pytest.raises(UnsupportedContentType, match="expected multipart/form-data"):
        read_upload(b"", "multipart/mixed; boundary=abc")


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"\xff", "service_name: expected UTF-8"), (bytes(65_537), "at most 65536 bytes")],
)
def test_a_field_that_is_no_text_is_refused_by_its_name(content: bytes, text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        read_upload(form(FILE, part('name="service_name"', content)), FORM)
