# SPDX-License-Identifier: Apache-2.0
"""core.md sections 16 and 18 over HTTP: T-NO, T-C, T-O."""
import re
import time

import acme
from protocol.harness import (Skipped, accepted, check, equal, other_id, parallel, refused, served,
                              test)


def new_order(w, payload):
    return w.alice.post(w.directory["newOrder"], payload)


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@test("NO-04 NO-05 a new order has all that the RFC asks for")
def shape(w):
    names = sorted([w.name(), w.name()])
    answer = accepted(new_order(w, dict(w.names_payload(*names), junk=1)), 201)
    order = answer.json
    equal(order["status"], "pending", "status")
    equal(sorted(i["value"] for i in order["identifiers"]), names, "identifiers")
    equal(len(order["authorizations"]), 2, "authorizations")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", order["expires"]),
          f"expires is {order['expires']}")
    check(order["finalize"].startswith("https://"), f"finalize is {order['finalize']}")
    for absent in ("certificate", "error", "notBefore", "notAfter", "junk"):
        check(absent not in order, f"{absent} is there: {order}")
    equal(w.alice.get(answer.header("Location")).json, order, "order read back")


@test("T-NO-01 identifiers of the wrong shape are refused")
def shapes(w):
    name = w.name()
    for value in ([], None, {}, "x", 7, [None], ["x"], [7], [[]], [{}], [{"type": "dns"}],
                  [{"value": name}], [{"type": "dns", "value": 1}], [{"type": 1, "value": name}],
                  [{"type": "dns", "value": None}], [{"type": "dns", "value": [name]}],
                  [{"type": "dns", "value": name}, None]):
        refused(new_order(w, {"identifiers": value}), "malformed")
    refused(new_order(w, {}), "malformed")
    many = [{"type": "dns", "value": w.name("%d." % i)} for i in range(101)]
    refused(new_order(w, {"identifiers": many}), "malformed rejectedIdentifier")


@test("T-NO-02 names are made lower case and doubles removed")
def doubles(w):
    name = w.name("a.")
    order = accepted(new_order(w, w.names_payload(name.upper(), name, name.title())), 201).json
    equal(order["identifiers"], [{"type": "dns", "value": name}], "identifiers")
    equal(len(order["authorizations"]), 1, "number of authorizations")


BAD_NAMES = [
    "", ".", "a..{z}", ".{z}", "-a.{z}", "a-.{z}", "a" * 64 + ".{z}", "a." * 120 + "{z}", "a.{z}.",
    "1.2.3.4", "0x7f.1", "[::1]", "::1", "ex ample.{z}", "exa\0mple.{z}", "ex\u00e4mple.{z}",
    "xn--.{z}", "xn--a.{z}", "xn--\u00e4.{z}", "ab--c.{z}", "_x.{z}", "localhost", "com", "*.com",
    "*.*.{z}", "a.*.{z}", "*{z}", "f*.{z}", "*", "*.", "4.3.2.1.in-addr.arpa", "foo.onion",
    "a.example.invalidtld", "a/b.{z}", "a.{z}:80", "http://a.{z}", "a@{z}", "a.{z}\n", "a,b.{z}",
    "a.{z}\0.evil.test", "\u202ea.{z}", "{z}.evil.test", "evil{z}", "a.1"]


@test("T-NO-03 bad names are refused")
def bad_names(w):
    good = w.name()
    for pattern in BAD_NAMES:
        bad = pattern.format(z=w.zone)
        refused(new_order(w, w.names_payload(bad)), "malformed rejectedIdentifier")
        refused(new_order(w, w.names_payload(good, bad)), "malformed rejectedIdentifier compound")


@test("T-E-02 each refused name is told once, the good ones are not")
def subproblems(w):
    good, bad = w.name(), ["a.not-ours.test", "b.not-ours.test"]
    answer = refused(new_order(w, w.names_payload(bad[0], good, bad[1])),
                     "rejectedIdentifier compound malformed")
    told = sorted(p["identifier"]["value"] for p in answer.json.get("subproblems", []))
    equal(told, bad, "names in subproblems")


@test("T-NO-04 identifier types are known exactly")
def types(w):
    for kind in ("DNS", "Dns", "ip", "email", "", "dns ", "x" * 500):
        refused(new_order(w, {"identifiers": [{"type": kind, "value": w.name()}]}),
                "unsupportedIdentifier malformed")


@test("T-NO-05 dates that cannot be had are refused")
def dates(w):
    payload = w.names_payload(w.name())
    for member in ("notBefore", "notAfter"):
        for value in ("2026-13-01T00:00:00Z", "2026-11-23", "", "0" * 20000, 7, {}, "now", "tomorrow",
                      "2026-02-30T00:00:00Z", "2026-11-24T10:00:60Z", "2026-11-24 10:00:00Z",
                      "2026-11-24T10:00:00", rfc3339(86400) + "Z", rfc3339(86400)[:-1] + ".5Z"):
            refused(new_order(w, dict(payload, **{member: value})), "malformed")
    for dates in ({"notAfter": rfc3339(-86400)}, {"notBefore": rfc3339(-400 * 86400)},
                  {"notAfter": rfc3339(20 * 365 * 86400)}, {"notAfter": "9999-12-31T23:59:59Z"},
                  {"notBefore": rfc3339(2 * 86400), "notAfter": rfc3339(86400)},
                  {"notBefore": rfc3339(86400), "notAfter": rfc3339(86400)},
                  {"notAfter": "1970-01-01T00:00:00Z"}):
        refused(new_order(w, dict(payload, **dates)), "malformed")


@test("T-NO-06 a date with an offset is kept as the same instant")
def offset(w):
    at = int(time.time()) + 3 * 86400
    text = time.strftime("%Y-%m-%dT%H:%M:%S+04:00", time.gmtime(at + 4 * 3600))
    answer = new_order(w, dict(w.names_payload(w.name()), notAfter=text))
    equal(accepted(answer, 201).json["notAfter"],
          time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), "notAfter")


@test("T-NO-07 a name and its wildcard have an authorization each")
def wildcard(w):
    name = w.name()
    answer = new_order(w, w.names_payload(name, "*." + name))
    if answer.problem == "rejectedIdentifier" and "wildcard" in answer.text:
        raise Skipped("the profile permits no wildcards")
    order = accepted(answer, 201).json
    equal(len(order["authorizations"]), 2, "number of authorizations")
    seen = {}
    for authorization in w.alice.authorizations(order):
        equal(authorization["identifier"]["value"], name, "identifier")
        flag = authorization.get("wildcard", False)
        seen[flag] = {c["token"] for c in authorization["challenges"]}
        if flag:
            check("http-01" not in [c["type"] for c in authorization["challenges"]],
                  "http-01 is offered for a wildcard")
    equal(sorted(seen), [False, True], "wildcard flags")
    check(not seen[True] & seen[False], "tokens are shared")


@test("T-NO-08 C-14 a valid authorization is used again, by the same account only")
def reuse(w):
    name = w.name()
    first = w.ready(names=[name])
    again = accepted(new_order(w, w.names_payload(name)), 201)
    if again.header("Location") != first["url"]:
        check(again.json["status"] in ("ready", "pending"), f"status {again.json['status']}")
    others = w.bob.order([name])
    equal(others["status"], "pending", "status of another account's order")
    check(set(others["authorizations"]).isdisjoint(first["authorizations"]), "shared over accounts")


@test("T-NO-12 T-C-05 an order of another account looks like none")
def foreign(w):
    order, authorization, challenge = w.pending()
    for url in (order["url"], authorization["url"], challenge["url"]):
        mine, none = w.bob.post(url), w.bob.post(other_id(url))
        refused(mine, "malformed unauthorized", (403, 404))
        equal((mine.status, mine.problem, mine.detail), (none.status, none.problem, none.detail),
              "answer")
    refused(w.bob.post(order["finalize"], {"csr": acme.b64(acme.csr([w.name()])[0])}),
            "malformed unauthorized", (403, 404))
    refused(w.bob.post(challenge["url"], {}), "malformed unauthorized", (403, 404))
    equal(w.alice.get(challenge["url"]).json["status"], "pending", "status")


@test("T-C-01 C-04 a response starts the validation and links to the authorization")
def respond(w):
    _, authorization, challenge = w.pending()
    w.web.tokens[challenge["token"]] = w.alice.key_authorization(challenge["token"])
    answer = accepted(w.alice.post(challenge["url"], {}))
    check(answer.json["status"] in ("processing", "valid", "pending"), repr(answer))
    equal(answer.links("up"), [authorization["url"]], "Link up")
    equal(answer.json["url"], challenge["url"], "url")
    done = w.alice.poll(challenge["url"])
    equal(done["status"], "valid", "status")
    check("validated" in done and "error" not in done, f"challenge is {done}")
    equal(w.alice.poll(authorization["url"])["status"], "valid", "status of the authorization")


@test("T-C-03 members of the response are ignored")
def extra_members(w):
    _, _, challenge = w.pending()
    w.web.tokens[challenge["token"]] = w.alice.key_authorization(challenge["token"])
    answer = accepted(w.alice.post(challenge["url"], {"keyAuthorization": "x", "foo": 1}))
    check("foo" not in answer.json and "keyAuthorization" not in answer.json, "echoed")
    equal(w.alice.poll(challenge["url"])["status"], "valid", "status")


@test("T-C-04 a response that is no object is refused and starts nothing")
def response_types(w):
    _, _, challenge = w.pending()
    for payload in (b"[]", b'"x"', b"null", b"1", b"{", b"true"):
        refused(w.alice.post(challenge["url"], payload), "malformed")
    equal(w.alice.get(challenge["url"]).json["status"], "pending", "status")


@test("T-C-02 reading a challenge sends nothing to its name")
def reading(w):
    _, authorization, challenge = w.pending()
    for url in (challenge["url"], authorization["url"]):
        accepted(w.alice.post(url))
    time.sleep(1)
    check(not [p for p in w.web.asked if challenge["token"] in p], "the name was asked")


@test("T-C-06 parallel responses start one validation")
def parallel_responses(w):
    _, authorization, challenge = w.pending()
    w.web.tokens[challenge["token"]] = w.alice.key_authorization(challenge["token"])
    nonces = [w.alice.new_nonce() for _ in range(10)]
    answers = parallel(10, lambda i: w.alice.post(challenge["url"], {}, nonce=nonces[i]))
    for answer in answers:
        if answer.status != 200:
            refused(answer, "malformed")
    equal(w.alice.poll(authorization["url"])["status"], "valid", "status")
    equal(len([p for p in w.web.asked if challenge["token"] in p]), 1, "look-ups")


@test("T-C-08 a failed validation makes authorization and order invalid, with the reason")
def failure(w):
    order, authorization, challenge = w.pending()
    w.web.tokens[challenge["token"]] = "wrong"
    accepted(w.alice.post(challenge["url"], {}))
    equal(w.alice.poll(authorization["url"], timeout=120)["status"], "invalid", "status")
    failed = w.alice.get(challenge["url"]).json
    equal(failed["status"], "invalid", "status of the challenge")
    error = failed["error"]["type"].removeprefix(acme.URN)
    check(error in ("incorrectResponse", "unauthorized"), f"error is {failed['error']}")
    equal(w.alice.get(order["url"]).json["status"], "invalid", "status of the order")
    refused(w.alice.post(challenge["url"], {}), "malformed")
    der, _ = acme.csr([order["identifiers"][0]["value"]])
    refused(w.alice.post(order["finalize"], {"csr": acme.b64(der)}), "orderNotReady", (403,))


@test("T-C-09 a response to a valid challenge validates nothing")
def again(w):
    order, _, challenge = w.pending()
    w.alice.validate(order, w.web)
    before = len([p for p in w.web.asked if challenge["token"] in p])
    answer = w.alice.post(challenge["url"], {})
    equal(accepted(answer).json["status"], "valid", "status")
    time.sleep(1)
    equal(len([p for p in w.web.asked if challenge["token"] in p]), before, "look-ups")


@test("T-C-11 an authorization takes no other status than deactivated")
def other_status(w):
    _, authorization, _ = w.pending()
    for payload in ({"status": "valid"}, {"status": "invalid"}, {"status": 7}, {"x": 1}, {}):
        refused(w.alice.post(authorization["url"], payload), "malformed")
    equal(w.alice.get(authorization["url"]).json["status"], "pending", "status")


@test("T-C-10 C-11 a deactivated authorization makes its order invalid")
def deactivate(w):
    order = w.ready()
    url = order["authorizations"][0]
    answer = served(w.alice.post(url, {"status": "deactivated"}))
    equal(accepted(answer).json["status"], "deactivated", "status")
    equal(w.alice.get(order["url"]).json["status"], "invalid", "status of the order")
    fresh = w.alice.order([order["identifiers"][0]["value"]])
    check(url not in fresh["authorizations"], "used again")


@test("T-C-13 tokens are 43 characters of base64url and all different")
def tokens(w):
    seen = []
    for _ in range(20):
        order = w.alice.order([w.name() for _ in range(3)])
        for authorization in w.alice.authorizations(order):
            seen.append({c["token"] for c in authorization["challenges"]})
    for group in seen:
        for token in group:
            check(re.fullmatch(r"[A-Za-z0-9_-]{43}", token), f"token is {token}")
    equal(len(set().union(*seen)), sum(len(g) for g in seen), "different tokens")


@test("T-O-01 the orders list names pending orders")
def orders_list(w):
    c = w.client()
    url = c.get(c.kid).json.get("orders")
    if url is None:
        raise Skipped("no orders list")
    equal(served(c.post(url)).json, {"orders": []}, "list of a new account")
    order = c.order([w.name()])
    equal(c.get(url).json["orders"], [order["url"]], "list")
    refused(w.bob.post(url), "malformed unauthorized", (403, 404))
