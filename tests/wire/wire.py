# SPDX-License-Identifier: Apache-2.0
"""What a server sends and accepts, held against schemas/ (RFC 8555, JSON Schema draft 2020-12).

    answers = Wire(Schemas())
    answers.look("POST", "https://localhost:14000/new-order", sent, 201, "application/json", body)
    answers.report()      # "ok ..." or "not ok ...": also if there was nothing to look at

Schemas are put together from the core's folder and the modules' as schemas/README.md says; Debian's
python3-jsonschema judges.  It knows no server by name: a resource is known by the end of its path."""
import atexit
import base64
import json
import pathlib
import re
import threading
import warnings
from urllib.parse import urljoin

import jsonschema

# Newer versions than Debian 12's have another way to find schemas, and still this one.
warnings.filterwarnings("ignore", "jsonschema.RefResolver is deprecated", DeprecationWarning)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = "https://chancery.example/schemas/"
ABOUT = ("$schema", "$id", "title", "examples", "x-refused")  # members that judge nothing
JSON, PROBLEM = "application/json", "application/problem+json"


class Unread(Exception):
    """A file below schemas/ is not what it should be."""


def folders(*more):
    """The core's folder, every module's, and more."""
    return [ROOT / "schemas", *sorted(ROOT.glob("extensions/*/schemas")), *map(pathlib.Path, more)]


def absolute(schema, base):
    """A copy whose references are whole URLs: versions of jsonschema differ in what they take for the
    base of a relative one."""
    if isinstance(schema, list):
        return [absolute(s, base) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: urljoin(base, v) if k == "$ref" else absolute(v, base) for k, v in schema.items()}


class NoNetwork(jsonschema.RefResolver):
    def resolve_remote(self, uri):
        raise jsonschema.RefResolutionError(f"{uri}: there is no such schema")


class Schemas:
    """kinds: {"answers/order.json": [(file, its document), ...]}, one entry for each folder that says
    something about that kind; resources: the list of all resources.json."""

    def __init__(self, *more):
        self.kinds, self.resources = {}, []
        for folder in folders(*more):
            for file in sorted(folder.glob("*/*.json")):
                self.kinds.setdefault(f"{file.parent.name}/{file.name}", []).append(
                    (file, self.read(file)))
            if (folder / "resources.json").exists():
                self.resources += self.read(folder / "resources.json")
        self.whole = {BASE + kind: self.compose(kind) for kind in self.kinds}
        self.judges = {}

    @staticmethod
    def read(file):
        try:
            return json.loads(file.read_text())
        except ValueError as e:
            raise Unread(f"{file}: {e}") from e

    def compose(self, kind):
        """One schema out of the core's and the modules': see schemas/README.md."""
        parts = [absolute({k: v for k, v in document.items() if k not in ABOUT}, BASE + kind)
                 for _, document in self.kinds[kind]]
        if kind.startswith("values/"):
            return {"anyOf": parts}
        if kind.startswith("answers/"):
            return {"allOf": parts, "unevaluatedProperties": False}
        return {"allOf": parts}

    def judge(self, kind):
        if kind not in self.judges:
            schema = self.whole[BASE + kind]
            resolver = NoNetwork(BASE + kind, schema, store=dict(self.whole), cache_remote=False)
            self.judges[kind] = jsonschema.Draft202012Validator(schema, resolver=resolver)
        return self.judges[kind]

    def faults(self, kind, value):
        """What is wrong with value, as one line; "" if nothing is."""
        found = sorted(self.judge(kind).iter_errors(value), key=lambda e: -len(e.absolute_path))
        lines = [f"{e.json_path}: {e.message[:200]}" for e in found[:3]]
        return "; ".join(" ".join(line.split()) for line in lines)

    def resource(self, path):
        """The resource whose pattern is the end of path, or None."""
        for resource in self.resources:
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(resource["path"]))
            if re.search(pattern + "$", path):
                return resource
        return None


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Wire:
    """Looks at exchanges and remembers what is wrong; threads may share one."""

    def __init__(self, schemas):
        self.schemas, self.lock = schemas, threading.Lock()
        self.seen, self.wrong, self.reported, self.armed = 0, [], False, False

    def look(self, method, url, sent, status, content_type, body):
        """One exchange; body None: octets that are no text; sent: an iterator is not looked at, it was
        used up by sending.  url may be a path."""
        path = re.sub(r"^\w+://[^/]*", "", url).partition("?")[0]
        kind = (content_type or "").partition(";")[0].strip()
        fault = self.fault(method, path, sent, status, kind, body)
        with self.lock:
            self.seen += bool(body)
            if fault:
                self.wrong.append(f"{method} {url}: {status} {fault}: {str(body)[:300]}")

    def fault(self, method, path, sent, status, kind, body):
        if method == "HEAD" and not body:
            return ""
        if status >= 400:
            return self.refusal(status, kind, body)
        if method == "OPTIONS" or 300 <= status < 400:
            return ""
        resource = self.schemas.resource(path)
        if resource is None:
            return "no resources.json has this path"
        if status not in resource.get("statuses", [200]):
            return f"the resource answers {resource.get('statuses', [200])}"
        return self.answer(resource, kind, body) or self.request(resource, method, sent, status)

    def refusal(self, status, kind, body):
        if kind != PROBLEM:
            return f"the refusal is {kind or 'without a type'}"
        problem, fault = self.document("answers/problem.json", body)
        if not fault and problem["status"] != status:
            fault = f"member status is {problem['status']}"
        return fault

    def document(self, schema, body):
        """The value of a JSON text and what is wrong with it."""
        try:
            value = json.loads(body or "", object_pairs_hook=self.members)
        except (ValueError, TypeError) as e:
            return None, f"no JSON ({e})"
        return value, self.schemas.faults(schema, value)

    @staticmethod
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    def answer(self, resource, kind, body):
        if "answer" in resource:
            if kind != JSON:
                return f"the answer is {kind or 'without a type'}"
            return self.document(f"answers/{resource['answer']}.json", body)[1]
        if "type" in resource:
            return "" if kind == resource["type"] else f"the answer is {kind or 'without a type'}"
        return "an answer where none belongs" if body else ""

    def request(self, resource, method, sent, status):
        """What was accepted is a request as it should be.  An account that was there already is
        answered whatever else the request says (RFC 8555 section 7.3.1)."""
        known = status == 200 and 201 in resource.get("statuses", ())
        if method != "POST" or known or not isinstance(sent, (str, bytes)):
            return ""
        jws, fault = self.document("requests/jws.json", sent)
        if fault:
            return f"accepted an envelope: {fault}"
        _, fault = self.document("requests/protected-header.json", unb64(jws["protected"]))
        if fault:
            return f"accepted a protected header: {fault}"
        payload = unb64(jws["payload"])
        if payload == b"":
            return ""
        if "request" not in resource:
            return "accepted a payload where none belongs"
        _, fault = self.document(f"requests/{resource['request']}.json", payload)
        return f"accepted a payload: {fault}" if fault else ""

    def report(self):
        """Prints one test's line; True if it holds.  Once: what is seen later is not told."""
        self.reported = True
        good = self.seen > 0 and not self.wrong
        name = f"every answer matches its schema: {self.seen} answers"
        print(f"ok {name}" if good else f"not ok {name}, {len(self.wrong)} wrong", flush=True)
        for line in self.wrong[:5]:
            print(f"# {line}", flush=True)
        return good

    def arm(self):
        """From now on the process's end reports, if nothing else did."""
        if not self.armed:
            self.armed = True
            atexit.register(lambda: self.reported or self.report())
