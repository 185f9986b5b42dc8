#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mistakes of the schemas themselves, one line each: what is no schema of draft 2020-12, a keyword that
does not exist (a validator would pass over it), a reference to nothing, a schema that proves nothing,
and what the README or the table of resources does not know."""
import json
import pathlib
import re
import sys
from urllib.parse import urljoin

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import wire  # noqa: E402

KEYWORDS = set("""$schema $id $ref $comment title type enum const pattern minLength maxLength minimum maximum
    required properties additionalProperties propertyNames minProperties allOf anyOf oneOf not if then else
    items contains minItems maxItems uniqueItems examples x-refused""".split())
SUBSCHEMAS = ("additionalProperties", "propertyNames", "not", "if", "then", "else", "items", "contains")
LISTS = ("allOf", "anyOf", "oneOf")


def subschemas(schema):
    """The schema and everything in it that is one, too."""
    if not isinstance(schema, dict):
        return
    yield schema
    inner = [schema[k] for k in SUBSCHEMAS if k in schema]
    inner += [s for k in LISTS for s in schema.get(k, ())]
    inner += schema.get("properties", {}).values()
    for one in inner:
        yield from subschemas(one)


def mistakes_of(schemas, kind, file, document, place):
    """place: the file below its folder of schemas, with the folder's owner in front."""
    try:
        wire.jsonschema.Draft202012Validator.check_schema(document)
    except wire.jsonschema.SchemaError as e:
        yield f"is no schema: {e.json_path}: {e.message[:100]}"
        return
    if document.get("$schema") != "https://json-schema.org/draft/2020-12/schema":
        yield "is not of draft 2020-12"
    if document.get("$id") != wire.BASE + place:
        yield f"its $id is not {wire.BASE + place}"
    for member in ("title", "x-refused"):
        if not document.get(member):
            yield f"has no {member}"
    if not any(d.get("examples") for _, d in schemas.kinds[kind]):
        yield "has no example"
    for schema in subschemas(document):
        for keyword in schema.keys() - KEYWORDS:
            yield f"{keyword} is no keyword"
        if "$ref" in schema and urljoin(wire.BASE + kind, schema["$ref"]) not in schemas.whole:
            yield f"refers to {schema['$ref']}, which is not there"
    known = {m for _, d in schemas.kinds[kind] for s in subschemas(d) for m in s.get("properties", ())}
    for member in document.get("required", ()):
        if member not in known:
            yield f"requires {member}, which it does not describe"


def owner(folder):
    """Modules' $ids have the folder that they lie in: extensions/dns/, toy/."""
    if folder == wire.ROOT / "schemas":
        return ""
    above = folder.parent.relative_to(wire.ROOT)
    return f"{above.relative_to('tests') if above.parts[0] == 'tests' else above}/"


def routes(file):
    """Paths of the table of routes; none where the file is not."""
    text = file.read_text() if file.exists() else ""
    return re.findall(r'^    \{"(/[^"]*)",', text, re.M)


def table_mistakes(schemas):
    known = [r["path"] for r in schemas.resources]
    for resource in schemas.resources:
        for member, folder in (("answer", "answers"), ("request", "requests")):
            if member in resource and f"{folder}/{resource[member]}.json" not in schemas.kinds:
                yield f"resources.json: {resource['path']}: there is no {folder}/{resource[member]}.json"
        for member in resource.keys() - {"path", "answer", "request", "type", "statuses"}:
            yield f"resources.json: {resource['path']}: {member} means nothing"
    for path in routes(wire.ROOT / "core" / "acme" / "router.c"):
        if path not in known:
            yield f"schemas/resources.json: does not know {path} of core/acme/router.c"


def main():
    extra = [p for p in wire.ROOT.glob("tests/*/schemas")]
    schemas = wire.Schemas(*extra)
    readme = (wire.ROOT / "schemas" / "README.md").read_text()
    for kind, parts in sorted(schemas.kinds.items()):
        for file, document in parts:
            name, folder = file.relative_to(wire.ROOT), file.parents[1]
            for mistake in mistakes_of(schemas, kind, file, document, owner(folder) + kind):
                print(f"{name}: {mistake}")
            if folder == wire.ROOT / "schemas" and f"`{kind}`" not in readme:
                print(f"{name}: schemas/README.md does not name it")
    for mistake in table_mistakes(schemas):
        print(mistake)


if __name__ == "__main__":
    try:
        main()
    except (wire.Unread, json.JSONDecodeError) as e:
        print(e)
