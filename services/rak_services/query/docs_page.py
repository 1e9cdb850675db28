"""The documentation page at `/docs`: one HTML file made from the table of endpoints.

It needs nothing from elsewhere: style and script are inside, and the content security policy
allows requests to this service only.
"""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from rak_services.query.endpoint import Endpoint
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.openapi import openapi_document
from rak_services.query.problems import PROBLEMS

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE: Final = Template((Path(__file__).parent / "docs_page.html").read_text(encoding="utf-8"))
_EXAMPLE_TRACE: Final = "5b8efff798038103d269b633813fc60c"
_CODE: Final = re.compile(r"`([^`]+)`")


def docs_page(endpoints: Sequence[Endpoint] = ENDPOINTS) -> str:
    """Return the page as HTML."""
    document = openapi_document(endpoints)
    sections = [
        _section(endpoint, document["paths"][endpoint.template][endpoint.method.lower()])
        for endpoint in endpoints
    ]
    contents = "".join(
        f'<li><a href="#{_anchor(endpoint)}"><code>{escape(endpoint.template)}</code></a> '
        f"{escape(endpoint.summary)}</li>"
        for endpoint in endpoints
    )
    answers = "".join(
        _schema(name, schema)
        for name, schema in sorted(document["components"]["schemas"].items())
        if name != "Problem"
    )
    return _PAGE.substitute(
        contents=contents, endpoints="".join(sections), answers=answers, problems=_problems()
    )


def _section(endpoint: Endpoint, operation: dict[str, Any]) -> str:
    path = _example_path(endpoint, operation["parameters"])
    asked = f"?{endpoint.example}" if endpoint.example else ""
    curl = f"curl 'http://127.0.0.1:8080{path}{asked}'"
    rows = "".join(_parameter(parameter) for parameter in operation["parameters"])
    return f"""
<section id="{_anchor(endpoint)}">
<h2><span class="method">{endpoint.method}</span> <code>{escape(endpoint.template)}</code></h2>
<p>{_prose(endpoint.summary)}. Answer: {_answer(endpoint)}.</p>
<pre>{escape(curl)}</pre>
<form data-path="{escape(endpoint.template)}">
<table><thead><tr><th>Parameter</th><th>Try it</th><th>Meaning</th></tr></thead>
<tbody>{rows}</tbody></table>
<button>Ask</button> <output></output>
<pre class="answer" hidden></pre>
</form>
</section>"""


def _example_path(endpoint: Endpoint, parameters: Sequence[dict[str, Any]]) -> str:
    """Return the path with the first example of each of its parameters; those without are ids."""
    examples = {
        parameter["name"]: parameter["schema"].get("examples", [_EXAMPLE_TRACE])[0]
        for parameter in parameters
    }
    return re.sub(r"\{(\w+)\}", lambda part: examples[part[1]], endpoint.template)


def _answer(endpoint: Endpoint) -> str:
    if endpoint.answer is None:
        return ", ".join(escape(other.name) for other in endpoint.formats)
    name = endpoint.answer.__name__
    return f'<a href="#{name}">{name}</a>'


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    name = escape(parameter["name"])
    shown = f"{name}.&lt;key&gt;" if parameter.get("explode") else name
    needed = " <em>required</em>" if parameter["required"] else ""
    return (
        f"<tr><td><code>{shown}</code>{needed}</td>"
        f"<td>{_input(parameter, schema)}</td>"
        f"<td>{_prose(parameter['description'])}{_facts(schema)}</td></tr>"
    )


def _input(parameter: dict[str, Any], schema: dict[str, Any]) -> str:
    name, where = escape(parameter["name"]), parameter["in"]
    common = f'name="{name}" data-in="{where}" aria-label="{name}"'
    if "enum" in schema:
        options = "".join(f"<option>{escape(str(value))}</option>" for value in schema["enum"])
        return f"<select {common}><option></option>{options}</select>"
    example = "key=text" if parameter.get("explode") else (schema.get("examples") or [""])[0]
    opened = ' data-open="true"' if parameter.get("explode") else ""
    return f'<input {common}{opened} placeholder="{escape(str(example))}">'


def _facts(schema: dict[str, Any]) -> str:
    facts = []
    if "enum" in schema:
        facts.append("one of " + ", ".join(f"<code>{escape(v)}</code>" for v in schema["enum"]))
    if "minimum" in schema:
        facts.append(f"{schema['minimum']} to {schema['maximum']}")
    if "default" in schema:
        facts.append(f"default <code>{escape(str(schema['default']))}</code>")
    return f" <small>{'; '.join(facts)}</small>" if facts else ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(part)}</td>"
        f"<td>{_prose(part.get('description', ''))}</td></tr>"
        for field, part in schema["properties"].items()
    )
    return (
        f'<section id="{name}"><h3>{name}</h3><p>{_prose(schema.get("description", ""))}</p>'
        f"<table><tbody>{rows}</tbody></table></section>"
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return escape(str(schema.get("type", "any JSON")))


def _problems() -> str:
    rows = "".join(
        f'<tr id="problem-{kind.slug}"><td>{kind.status}</td><td>{escape(kind.title)}</td>'
        f"<td>{_prose(kind.advice)}</td></tr>"
        for kind in PROBLEMS
    )
    return f"<table><thead><tr><th>Status</th><th>Problem</th><th></th></tr></thead>{rows}</table>"


def _anchor(endpoint: Endpoint) -> str:
    return escape(endpoint.handle.__name__)


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
