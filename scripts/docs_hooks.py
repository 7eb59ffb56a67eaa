"""Makes for the documentation site what is described in the code: the OpenAPI document and the AsyncAPI document."""

import json
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from src.asyncapi import document
from src.main import create_app

MARK = "<!-- channels -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add both documents as files of the site."""
    for name, content in (("openapi", create_app().openapi()), ("asyncapi", document())):
        text = json.dumps(content, indent=2, sort_keys=True)
        files.append(File.generated(config, f"reference/{name}.json", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the channels and their messages where a page has a place for them."""
    del page, config, files
    return markdown.replace(MARK, "\n".join(_channels(document()))) if MARK in markdown else markdown


def _channels(described: dict[str, Any]) -> Iterator[str]:
    operations = {one["channel"]["$ref"].rpartition("/")[2]: one for one in described["operations"].values()}
    for name, channel in described["channels"].items():
        verb = "reads" if operations[name]["action"] == "receive" else "writes"
        yield f"## `{channel['address']}`\n\n{channel['description']} The service {verb} it.\n"
        for message in channel["messages"]:
            yield from _message(described["components"], message)


def _message(components: dict[str, Any], name: str) -> Iterator[str]:
    message = components["messages"][name]
    yield f"### {message['title']}\n\n`{message['name']}`: {message['summary']}\n"
    for part in ("headers", "payload"):
        if message.get(part):
            yield _block(part, _resolved(message[part], components))


def _block(part: str, schema: dict[str, Any]) -> str:
    return f"{part.capitalize()}:\n\n```json\n{json.dumps(schema, indent=2)}\n```\n"


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to at its top in its place, so that it can be read; deeper names stay."""
    schema = components["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    data = schema.get("properties", {}).get("data", {})
    if "$ref" not in data:
        return schema
    inner = components["schemas"][data["$ref"].rpartition("/")[2]]
    return schema | {"properties": schema["properties"] | {"data": inner}}
