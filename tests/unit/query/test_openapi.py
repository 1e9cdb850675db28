"""The OpenAPI document follows from the table of endpoints."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from rak_services.query.docs_page import docs_page
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.openapi import openapi_document, openapi_text
from rak_services.query.parsing import fields_of

ROOT = Path(__file__).parents[3]


def test_the_committed_document_is_the_generated_one() -> None:
    """`python -m rak_services.query.openapi schema/openapi.json` writes it."""
    assert (ROOT / "schema/openapi.json").read_text(encoding="utf-8") == openapi_text()


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(json.loads(openapi_text()), cls=OpenAPIV31SpecValidator)


def test_every_endpoint_and_parameter_is_in_the_document_and_on_the_page() -> None:
    document, page = openapi_document(), docs_page()
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.template][endpoint.method.lower()]
        names = [parameter["name"] for parameter in operation["parameters"]]
        assert names == [field.name for field in fields_of(endpoint.request)]
        section = page.partition(f'<section id="{endpoint.handle.__name__}">')[2]
        for parameter in operation["parameters"]:
            assert f'name="{parameter["name"]}"' in section
            assert parameter["description"]


def test_links_inside_the_page_lead_somewhere() -> None:
    page = docs_page()
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors


def test_the_guide_names_every_endpoint_and_parameter() -> None:
    guide = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    for endpoint in ENDPOINTS:
        assert f"`{endpoint.method} {endpoint.template}`" in guide
        for field in fields_of(endpoint.request):
            assert f"`{field.name}" in guide, field.name


class _Balance(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - its signature
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


def test_the_page_is_well_formed() -> None:
    parser = _Balance()
    parser.feed(docs_page())
    parser.close()
    assert parser.open == []
