#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each schema takes its examples and refuses every mistake that is planted into them: those that the
schema lists itself (x-refused) and, at any depth of the first example, a member left out, misspelt,
null, or of another type.  And what looks at answers finds what is wrong with an exchange."""
import contextlib
import copy
import io
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import wire  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# Members whose value is a map of names or an object that clients made: another name is no mistake.
FREE = {"/profiles", "/externalAccountBinding"}
FAILED = 0


def told(good, name, why=""):
    global FAILED
    FAILED += not good
    print(f"ok {name}" if good else f"not ok {name} - {why}")


def found(value, at):
    """What is at a pointer (RFC 6901, without escapes)."""
    for step in at[1:].split("/") if at else ():
        value = value[int(step) if isinstance(value, list) else step]
    return value


def changed(value, at, new):
    """A copy with what is at the pointer replaced; changed(v, "", x) is x."""
    if at == "":
        return new
    value = copy.deepcopy(value)
    holder, _, last = at.rpartition("/")
    inner = found(value, holder)
    inner[int(last) if isinstance(inner, list) else last] = new
    return value


def places(value, at=""):
    """Pointers of all members at any depth, with what holds each."""
    inner = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield f"{at}/{key}", value
        yield from places(item, f"{at}/{key}")


def other_type(value):
    return "text" if not isinstance(value, str) else {"of": "another type"}


def renamed(value, at, name):
    """A copy with the member at the pointer renamed; name None: without it."""
    holder, _, key = at.rpartition("/")
    members = ((name if k == key else k, v) for k, v in found(value, holder).items())
    return changed(value, holder, {k: v for k, v in members if k is not None})


def generic_mistakes(kind, example, needed):
    """What must be refused, with words, derived from the example.  A client may write null for what it
    leaves out, but not for what a request needs."""
    for at, holder in places(example):
        if any(at.startswith(f + "/") for f in FREE):
            continue
        if not kind.startswith("requests/") or at[1:] in needed:
            yield f"{at} null", changed(example, at, None)
        yield f"{at} of another type", changed(example, at, other_type(found(example, at)))
        if isinstance(holder, dict) and kind.startswith("answers/"):
            yield f"{at} misspelt", renamed(example, at, at.rpartition("/")[2] + "X")


def required_members(schemas, kind):
    return {m for _, document in schemas.kinds[kind] for m in document.get("required", ())}


def planted(schemas, kind):
    """(words, value) of everything that must be refused."""
    for _, document in schemas.kinds[kind]:
        for entry in document.get("x-refused", ()):
            if kind.startswith("values/"):
                yield repr(entry), entry
            else:
                why, at, new = entry
                yield why, changed(document["examples"][0], at, new)
    if kind.startswith("values/"):
        return
    for _, document in schemas.kinds[kind]:
        for example in document.get("examples", ())[:1]:
            yield from generic_mistakes(kind, example, required_members(schemas, kind))
            for member in required_members(schemas, kind):
                yield f"/{member} left out", renamed(example, f"/{member}", None)


def prove(schemas, kind):
    examples = [e for _, d in schemas.kinds[kind] for e in d.get("examples", ())]
    wrong = [f"{e}: {schemas.faults(kind, e)}" for e in examples if schemas.faults(kind, e)]
    told(examples and not wrong, f"{kind} takes its {len(examples)} examples", "; ".join(wrong))
    mistakes = list(planted(schemas, kind))
    passed = [why for why, value in mistakes if not schemas.faults(kind, value)]
    told(mistakes and not passed, f"{kind} refuses {len(mistakes)} planted mistakes",
         "taken: " + ", ".join(passed))
    if kind.startswith("requests/") and isinstance(examples[0], dict):
        more = dict(examples[0], unknown={"member": 1})
        told(not schemas.faults(kind, more), f"{kind} leaves room for members that nobody knows",
             schemas.faults(kind, more))


def b64(text):
    return wire.base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


class Exchanges:
    """Made-up exchanges, most of them with something wrong."""

    def __init__(self, schemas):
        self.schemas = schemas

    def example(self, kind):
        return copy.deepcopy(self.schemas.kinds[kind][0][1]["examples"][0])

    def jws(self, header=None, payload="{}"):
        header = header or self.example("requests/protected-header.json")
        return json.dumps({"protected": b64(json.dumps(header)), "payload": b64(payload),
                           "signature": "c2ln"})

    def looks(self, name, good, *exchange):
        seen = wire.Wire(self.schemas)
        seen.look(*exchange)
        told(good == (not seen.wrong), name, "; ".join(seen.wrong) or "nothing was found")

    def run(self):
        account, problem = (json.dumps(self.example(f"answers/{k}.json")) for k in ("account", "problem"))
        url, header = "https://ca.example/acme/account/1", self.example("requests/protected-header.json")
        ok = ("POST", url, self.jws(), 200, wire.JSON, account)
        self.looks("a good exchange is taken", True, *ok)
        self.looks("a misspelt member is found", False, *ok[:5], account.replace("status", "Status"))
        self.looks("a member that stands twice is found", False, *ok[:5],
                   account.replace("{", '{"status": "valid", ', 1))
        self.looks("an answer of another type is found", False, *ok[:4], "text/plain", account)
        self.looks("an answer of another resource is found", False, *ok[:1], url[:-9] + "order/1", *ok[2:])
        self.looks("an answer at a path that no table knows is found", False, *ok[:1],
                   "https://ca.example/acme/secret", *ok[2:])
        self.looks("a status that the resource does not answer is found", False, *ok[:3], 201, *ok[4:])
        self.looks("an accepted payload that is against its schema is found", False, *ok[:2],
                   self.jws(payload='{"contact": null}'), *ok[3:])
        self.looks("an accepted header with kid and jwk is found", False, *ok[:2], self.jws(
            dict(header, jwk=self.example("requests/jwk.json"))), *ok[3:])
        self.looks("an accepted unprotected header is found", False, *ok[:2],
                   self.jws().replace("{", '{"header": {}, ', 1), *ok[3:])
        self.looks("a problem document is taken", True, *ok[:3], 400, wire.PROBLEM, problem)
        self.looks("a problem whose status is not the answer's is found", False, *ok[:3], 403,
                   wire.PROBLEM, problem)
        self.looks("a refusal that is no problem document is found", False, *ok[:3], 400, wire.JSON,
                   problem)
        self.looks("an empty refusal is found", False, *ok[:3], 500, wire.PROBLEM, "")
        self.looks("a refusal in HTML is found", False, *ok[:3], 502, "text/html", "<html>")
        self.looks("what HEAD left out is judged as GET's", False, "HEAD", url, None, 200, wire.JSON, "{}")


def nothing_seen(schemas):
    empty = wire.Wire(schemas)
    empty.look("HEAD", "https://ca.example/acme/new-nonce", None, 200, "", "")
    told(not quiet(empty.report), "no answer at all is a failure")


def quiet(function):
    """Its value; what it prints is not a test of ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function()


def main():
    schemas = wire.Schemas(HERE.parent / "toy" / "schemas", HERE.parent / "loopback" / "schemas")
    for kind in sorted(schemas.kinds):
        prove(schemas, kind)
    Exchanges(schemas).run()
    nothing_seen(schemas)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
