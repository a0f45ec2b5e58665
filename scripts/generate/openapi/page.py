"""An OpenAPI document as one HTML page for people, with its style inside and no script."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]

STYLE = """
:root { --ground: #f4f6f5; --card: #fff; --line: #d9e0dd; --ink: #12201c; --soft: #52615b;
  --accent: #0b6e5f; --tint: #e2f1ed; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1412; --card: #16201d; --line: #2a3733;
  --ink: #e9f1ee; --soft: #a3b3ad; --accent: #47cbb0; --tint: #12332c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 16px; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
h1 { margin: 8px 0 4px; font-size: 26px; } h2 { margin: 40px 0 4px; font-size: 21px; }
h3 { margin: 0; font-size: 16px; overflow-wrap: anywhere; } h4 { margin: 16px 0 4px; font-size: 14px; }
p { margin: 6px 0; } .soft { color: var(--soft); }
section.one { margin: 14px 0; padding: 14px 16px; border: 1px solid var(--line);
  border-radius: 14px; background: var(--card); }
.method { display: inline-block; min-width: 64px; margin-right: 4px; padding: 0 8px;
  border-radius: 8px; background: var(--tint); color: var(--accent); text-align: center; }
code, pre { font: 14px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { margin: 6px 0; padding: 10px 12px; border-radius: 10px; background: var(--tint);
  overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 4px 10px 4px 0; border-top: 1px solid var(--line); text-align: left;
  vertical-align: top; } th { font-weight: 550; }
summary { cursor: pointer; min-height: 32px; }
nav > details > ul { columns: 2 340px; margin: 4px 0; }
nav ul { padding: 0; list-style: none; } nav ul ul { margin: 0 0 12px; break-before: avoid; }
nav a { display: block; padding: 3px 0; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover code { text-decoration: underline; }
"""


def render_page(document: Json) -> str:
    """The page's HTML. All its text comes from the document."""
    info = document["info"]
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "head"  # says what its GET says
    ]
    contents, body = [], []
    for tag in document["tags"]:
        tagged = [
            (path, method, operation)
            for path, method, operation in operations
            if tag["name"] in operation["tags"]
        ]
        links = "\n".join(
            f'<li><a href="#{operation["operationId"]}">{_render_call(method, path)}</a></li>'
            for path, method, operation in tagged
        )
        contents.append(f"<li>{escape(tag['name'])}\n<ul>\n{links}\n</ul></li>")
        body.append(f"<h2>{escape(tag['name'])}</h2>\n<p>{_render_text(tag['description'])}</p>")
        body += [_render_operation(path, method, operation) for path, method, operation in tagged]
    body.append("<h2>Schemas</h2>")
    body += [
        _render_schema(name, schema)
        for name, schema in sorted(document["components"]["schemas"].items())
    ]
    sections = "\n".join(body)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(info["title"])}: the API</title>
<link rel="icon" href="icon.svg">
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(info["title"])}: the API</h1>
<p>{_render_text(info["description"])}</p>
<p class="soft">Version {escape(info["version"])} ·
<a href="openapi.json">openapi.json</a> · <a href="./">the page</a></p>
<nav aria-label="Operations"><details open><summary>Operations</summary>
<ul>
{chr(10).join(contents)}
</ul></details></nav>
</header>
<main>
{sections}
</main>
</body>
</html>
"""


def _render_operation(path: str, method: str, operation: Json) -> str:
    name = operation["operationId"]
    parts = [f"<p>{_render_text(operation['summary'])}.</p>"]
    if "description" in operation:
        parts.append(f'<p class="soft">{_render_text(operation["description"])}</p>')
    for sample in operation.get("x-codeSamples", []):
        parts.append(f'<pre tabindex="0"><code>{escape(sample["source"])}</code></pre>')
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            parameter["in"],
            _describe_type(parameter["schema"]),
            _render_text(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", [])
    ]
    if rows:
        parts.append(_render_table("Parameters", rows))
    bodies = operation.get("requestBody", {}).get("content", {})
    if bodies:
        rows = [
            (f"<code>{media_type}</code>", _describe_type(content["schema"]))
            for media_type, content in bodies.items()
        ]
        parts.append(_render_table("Body", rows))
    parts += [
        _render_example("Body", content) for content in bodies.values() if "example" in content
    ]
    responses = operation["responses"]
    rows = [
        (
            status,
            _render_text(response["description"]),
            "<br>".join(
                f"<code>{media_type}</code> {_describe_type(content['schema'])}"
                for media_type, content in response.get("content", {}).items()
            ),
        )
        for status, response in responses.items()
    ]
    parts.append(_render_table("Answers", rows))
    for response in responses.values():
        parts += [
            _render_example("Answer", content)
            for content in response.get("content", {}).values()
            if "example" in content
        ]
    inside = "\n".join(parts)
    return f"""<section class="one" id="{name}" aria-labelledby="{name}-title">
<h3 id="{name}-title">{_render_call(method, path)}</h3>
{inside}
</section>"""


def _render_schema(name: str, schema: Json) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False), quote=False)
    text = re.sub(
        r'"\$ref": "#/components/schemas/(\w+)"', r'"$ref": "<a href="#schema-\1">\1</a>"', text
    )
    description = (
        f'<p class="soft">{_render_text(schema["description"])}</p>'
        if "description" in schema
        else ""
    )
    return f"""<section class="one" id="schema-{name}" aria-labelledby="schema-{name}-title">
<h3 id="schema-{name}-title">{name}</h3>
{description}<details><summary>Schema</summary><pre tabindex="0"><code>{text}</code></pre></details>
</section>"""


def _render_call(method: str, path: str) -> str:
    return f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code>'


def _render_example(title: str, content: Json) -> str:
    text = escape(json.dumps(content["example"], indent=2, ensure_ascii=False), quote=False)
    return (
        f"<details><summary>{title}, an example</summary>"
        f'<pre tabindex="0"><code>{text}</code></pre></details>'
    )


def _render_table(title: str, rows: list[tuple[str, ...]]) -> str:
    lines = "\n".join(
        f'<tr><th scope="row">{head}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for head, *cells in rows
    )
    return f'<h4>{title}</h4>\n<div class="wide"><table>\n{lines}\n</table></div>'


def _describe_type(schema: Json) -> str:
    """A schema in a few words, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(_describe_type(each) for each in schema[key])
    if "enum" in schema:
        return escape(" | ".join(map(str, schema["enum"])))
    if not schema:
        return "bytes"
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_describe_type(schema['items'])}"
    text = str(schema.get("type", ""))
    if "minimum" in schema and "maximum" in schema:
        text += f", {schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        text += f", at least {schema['minimum']}"
    if "pattern" in schema:
        text += f", like {schema['pattern']}"
    if "default" in schema:
        text += f"; {schema['default']} by default"
    return escape(text)


def _render_text(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
