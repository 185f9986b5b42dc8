# SPDX-License-Identifier: Apache-2.0
"""What the protocol tests have in common: the server under test, clients, and what every refusal must
look like (core.md E-01, H-09, H-10, H-12)."""
import os
import pathlib
import secrets
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "acme_client"))
import acme  # noqa: E402

TESTS = []
KNOWN_PROBLEMS = {urn[len(acme.URN):] for _, document in
                  acme.wire.Schemas().kinds["values/problem-type.json"] for urn in document["enum"]}


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def test(name):
    """name: the ids of core.md it covers, then a sentence."""
    def register(function):
        TESTS.append((name, function))
        return function
    return register


def check(good, why):
    if not good:
        raise Failed(why() if callable(why) else why)


def equal(got, wanted, what):
    check(got == wanted, f"{what} is {got!r}, not {wanted!r}")


def refused(answer, types, statuses=None, post=True):
    """The answer is a problem document of one of those types, well made."""
    types = types.split()
    check(answer.status >= 400, f"accepted: {answer!r}")
    kind = answer.header("Content-Type", "")
    check(kind.partition(";")[0] == "application/problem+json", f"Content-Type {kind}: {answer!r}")
    body = answer.json
    check(isinstance(body, dict), f"no JSON object: {answer!r}")
    check(answer.problem in types, f"problem is {answer.problem}, not {'/'.join(types)}: {answer!r}")
    check(answer.problem in KNOWN_PROBLEMS, f"unregistered type: {answer!r}")
    equal(body.get("status"), answer.status, "member status")
    check(isinstance(body.get("detail"), str) and body["detail"], f"no detail: {answer!r}")
    check("identifier" not in body, f"identifier at the top of a problem: {answer!r}")
    check(answer.links("index"), f"no Link rel=index: {answer!r}")
    statuses = statuses if statuses is not None else (400,)
    check(answer.status in statuses, f"status {answer.status}, not {statuses}: {answer!r}")
    if post:
        check(answer.header("Replay-Nonce"), f"no Replay-Nonce: {answer!r}")
        check("no-store" in answer.header("Cache-Control", ""), f"may be cached: {answer!r}")
    return answer


def served(answer):
    """The test is about something that may be missing as a whole."""
    if answer.status == 501:
        raise Skipped("not served yet")
    return answer


def accepted(answer, *statuses):
    check(answer.status in (statuses or (200,)), f"refused: {answer!r}")
    return answer


def parallel(n, function):
    """function(i) in n threads at once; results or exceptions in order."""
    results, barrier = [None] * n, threading.Barrier(n)

    def run(i):
        try:
            barrier.wait(30)
            results[i] = function(i)
        except Exception as e:  # handed to the test
            results[i] = e
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    for r in results:
        if isinstance(r, Exception):
            raise r
    return results


def other_id(url):
    """The same URL with another id of the same shape: one character of the last part changed."""
    place = len(url) - 10
    return url[:place] + ("B" if url[place] != "B" else "C") + url[place + 1:]


class World:
    """The server under test and who talks to it.  second: the directory by another front, or None."""

    def __init__(self, url, root, web, second=None):
        self.url, self.ca, self.web, self.second = url, str(root), web, second
        self.zone = os.environ.get("CHY_ZONE", "chancery.example")
        self.alice, self.bob = self.client(), self.client()
        self.directory = self.alice.directory
        self.issued_order, self.known = None, {}

    def serves(self, url, payload=None):
        """Not 501: a resource that this version of the server does not have is left out of the tests
        that go over all, and skips its own."""
        if url not in self.known:
            self.known[url] = self.alice.post(url, payload).status != 501
        return self.known[url]

    def stranger(self, alg="ES256", key=None, via=None):
        """A client without an account."""
        return acme.Client(self.url, self.ca, alg=alg, key=key, via=via)

    def client(self, alg="ES256", key=None):
        c = self.stranger(alg, key)
        accepted(c.register(), 201, 200)
        return c

    def name(self, prefix=""):
        return f"{prefix}{secrets.token_hex(5)}.{self.zone}"

    def names_payload(self, *names):
        return {"identifiers": [{"type": "dns", "value": n} for n in names]}

    def pending(self, c=None):
        """A new order with one pending authorization: order, authorization, http-01 challenge."""
        c = c or self.alice
        order = c.order([self.name()])
        authorization = c.authorizations(order)[0]
        return order, authorization, c.challenge(authorization)

    def ready(self, c=None, names=None):
        c = c or self.alice
        order = c.validate(c.order(names or [self.name()]), self.web)
        equal(order["status"], "ready", "status of a validated order")
        return order

    def issued(self):
        """One valid order of alice, made once: order, PEM, key."""
        if self.issued_order is None:
            names = [self.name(), self.name()]
            order = self.ready(names=names)
            der, key = acme.csr(names)
            done = self.alice.finalize(order, der)
            self.issued_order = done, self.alice.download(done), key
        return self.issued_order

    def alive(self):
        accepted(self.alice.get(self.alice.kid))


def wire_holds(chosen):
    """Also the answers that no test looks at."""
    def look(_):
        seen, wrong = acme.WIRE.seen, acme.WIRE.wrong
        check(seen > (0 if chosen else 500), f"only {seen} answers were seen")
        check(not wrong, lambda: f"{len(wrong)} of {seen}: {wrong[:3]}")
        acme.WIRE.reported = True
    return look


def run(world, chosen):
    """Run the tests whose name holds one of chosen (all if empty); the number that failed."""
    passed = failed = 0
    tests = [t for t in TESTS if not chosen or any(c in t[0] for c in chosen)]
    if acme.WIRE is not None:
        tests.append(("T-E-01 every answer of the whole run matches its schema", wire_holds(chosen)))
    for name, function in tests:
        began = time.monotonic()
        try:
            function(world)
            passed += 1
            print(f"ok {name}", flush=True)
        except Skipped as e:
            print(f"ok {name} # SKIP {e}", flush=True)
        except Exception as e:
            failed += 1
            why = str(e) if isinstance(e, (Failed, acme.AcmeError, AssertionError)) else \
                traceback.format_exc(limit=-3).strip().replace("\n", " | ")
            print(f"not ok {name} - {' '.join(why.split())[:900]}", flush=True)
        if os.environ.get("CHY_TIMES"):
            print(f"# {time.monotonic() - began:.2f} s", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed
