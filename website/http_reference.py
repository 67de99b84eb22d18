"""The HTTP reference, of the OpenAPI document: `python -m website.http_reference PAGE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.service import create_app
from facedetect.settings import ServiceSettings

Node = dict[str, Any]

LARGEST_WORTH_TELLING = 2**53  # beyond are the limits of types

INTRODUCTION = """# HTTP API

Made of the service's own OpenAPI document. A running service has it at `/openapi.json`, and to try
out at `/docs`. How the parts play together is told in [HTTP](../http.md)."""


def reference(document: Node) -> str:
    """The page: every call with its parameters and answers, then the objects in these."""
    blocks = [INTRODUCTION]
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            blocks += [f"## {method.upper()} {path}", *call_blocks(call)]
    blocks += ["## Objects"]
    for name, schema in document["components"]["schemas"].items():
        blocks += [f"### {name}", *object_blocks(schema)]
    return "\n\n".join(blocks) + "\n"


def call_blocks(call: Node) -> Iterator[str]:
    yield call["description"]
    if body := call.get("requestBody"):
        yield "Body: " + ", ".join(f"`{kind}`" for kind in body["content"])
    if parameters := call.get("parameters"):
        yield table(
            ["query", "type", "default", "meaning"],
            (
                [
                    f"`{parameter['name']}`",
                    type_of(parameter["schema"]),
                    default_of(parameter["schema"]),
                    parameter.get("description") or parameter["schema"].get("description", ""),
                ]
                for parameter in parameters
            ),
        )
    yield table(
        ["status", "body", "meaning"],
        (
            [status, bodies(answer.get("content", {})), answer["description"]]
            for status, answer in call["responses"].items()
        ),
    )


def object_blocks(schema: Node) -> Iterator[str]:
    if text := schema.get("description"):
        yield text
    yield table(
        ["field", "type", "meaning"],
        (
            [f"`{name}`", type_of(field), field.get("description", "")]
            for name, field in schema.get("properties", {}).items()
        ),
    )


def bodies(content: Node) -> str:
    return ", ".join(
        f"`{kind}`: {type_of(body['schema'])}" if body.get("schema") else f"`{kind}`"
        for kind, body in content.items()
    )


def type_of(schema: Node) -> str:
    """A schema in words, objects as links: `number, 8 or more`, `list of Face`."""
    if reference_to := schema.get("$ref"):
        name = reference_to.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf"):
        return " or ".join(type_of(choice) for choice in choices)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return ", ".join([str(schema.get("type", "any")), *bounds(schema)])


def bounds(schema: Node) -> Iterator[str]:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
    }
    for name, text in words.items():
        if name in schema and schema[name] < LARGEST_WORTH_TELLING:
            yield text.format(schema[name])


def default_of(schema: Node) -> str:
    default = schema.get("default")
    return "" if default is None else f"`{default}`"


def table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    app = create_app(ServiceSettings.load(), Detector(FakeBackend()))
    page = Path(sys.argv[1])
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(reference(app.openapi()), "utf-8")


if __name__ == "__main__":
    main()
