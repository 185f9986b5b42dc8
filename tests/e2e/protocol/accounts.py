# SPDX-License-Identifier: Apache-2.0
"""core.md section 11 over HTTP: T-A."""
import acme
from protocol.harness import Skipped, accepted, check, equal, other_id, parallel, refused, served, test

AGREED = {"termsOfServiceAgreed": True}


def new_account(w, c, payload):
    return c.post(w.directory["newAccount"], payload, kid=None)


@test("T-A-01 A-04 an account is made and its Location is the kid")
def create(w):
    c = w.stranger()
    answer = accepted(new_account(w, c, dict(AGREED, contact=["mailto:a@b.example"], status="revoked",
                                             orders="https://x.example/", junk="kept?",
                                             onlyReturnExisting=False)), 201)
    body, c.kid = answer.json, answer.header("Location")
    equal(body["status"], "valid", "status")
    equal(body["contact"], ["mailto:a@b.example"], "contact")
    check(body.get("orders", "").startswith(w.url.rsplit("/", 1)[0]), f"orders: {body}")
    check("junk" not in body and "onlyReturnExisting" not in body, f"junk is echoed: {body}")
    equal(accepted(c.post(c.kid)).json, body, "account read back")


@test("T-A-01 null stands for an absent optional member")
def nulls(w):
    accepted(new_account(w, w.stranger(), dict(AGREED, contact=None, onlyReturnExisting=None,
                                               externalAccountBinding=None)), 201)


@test("T-A-02 the same key gives the same account, unchanged")
def existing(w):
    c = w.stranger()
    first = accepted(new_account(w, c, dict(AGREED, contact=["mailto:a@b.example"])), 201)
    for payload in (dict(AGREED, contact=["mailto:other@b.example"]), {}, {"contact": []},
                    {"termsOfServiceAgreed": False}, {"onlyReturnExisting": True}):
        again = accepted(new_account(w, c, payload), 200)
        equal(again.header("Location"), first.header("Location"), "Location")
        equal(again.json, first.json, "account")


@test("T-A-03 onlyReturnExisting makes no account")
def only_existing(w):
    c = w.stranger()
    for payload in ({"onlyReturnExisting": True}, dict(AGREED, onlyReturnExisting=True),
                    {"onlyReturnExisting": True, "contact": ["mailto:bad"]}):
        refused(new_account(w, c, payload), "accountDoesNotExist")
    refused(new_account(w, c, dict(AGREED, onlyReturnExisting="true")), "malformed")
    accepted(new_account(w, c, AGREED), 201)


@test("T-A-04 the terms must be agreed to")
def terms(w):
    if "termsOfService" not in w.alice.meta:
        raise Skipped("no terms of service")
    for payload in ({}, {"termsOfServiceAgreed": False}, {"termsOfServiceAgreed": None}):
        answer = refused(new_account(w, w.stranger(), payload), "userActionRequired malformed",
                         (403, 400))
        check(answer.links("terms-of-service"), f"no link to the terms: {answer!r}")
    refused(new_account(w, w.stranger(), {"termsOfServiceAgreed": "true"}),
            "userActionRequired malformed", (403, 400))


BAD_CONTACTS = [
    ("tel:+1", "unsupportedContact"), ("https://a.example/", "unsupportedContact"),
    ("mailto:a@b.example?subject=x", "invalidContact"), ("mailto:bad", "invalidContact"),
    ("mailto:a@b.example,c@d.example", "invalidContact"), ("", "invalidContact"),
    ("a@b.example", "invalidContact unsupportedContact"), ("mailto:", "invalidContact"),
    ("mailto:x%0d%0aBcc:y@z.example", "invalidContact"), ("mailto:\u00e9@b.example", "invalidContact"),
    ("mailto:a@b.example%2Cc@d.example", "invalidContact"), ("mailto:a@[127.0.0.1]", "invalidContact"),
    ("mailto:\"a\"@b.example", "invalidContact"), ("mailto:a@localhost", "invalidContact"),
    ("mailto:x\r\nBcc: y@z.example", "invalidContact"), ("mailto:" + "a" * 400 + "@b.example",
                                                        "invalidContact")]


@test("T-A-05 contacts that are no plain mailto are refused")
def contacts(w):
    c = w.stranger()
    for value, types in BAD_CONTACTS:
        refused(new_account(w, c, dict(AGREED, contact=[value])), types)
        refused(new_account(w, c, dict(AGREED, contact=["mailto:a@b.example", value])), types)
        refused(w.alice.post(w.alice.kid, {"contact": [value]}), types)
    for value in ("mailto:a@b.example", {}, 7, [7], [None], [["mailto:a@b.example"]]):
        refused(new_account(w, c, dict(AGREED, contact=value)), "malformed")
    refused(new_account(w, c, dict(AGREED, contact=["mailto:a@b.example"] * 11)), "invalidContact")
    refused(new_account(w, c, dict(AGREED, onlyReturnExisting=True)), "accountDoesNotExist")


@test("T-A-06 contacts can be changed and cleared")
def update(w):
    c = w.client()
    changed = accepted(c.post(c.kid, {"contact": ["mailto:New@B.example"]})).json
    equal([x.lower() for x in changed["contact"]], ["mailto:new@b.example"], "contact")
    equal(accepted(c.post(c.kid, {"junk": 1})).json, changed, "account after an empty update")
    refused(c.post(c.kid, {"contact": None}), "malformed")
    cleared = accepted(c.post(c.kid, {"contact": []})).json
    equal(cleared.get("contact", []), [], "contact")
    equal(c.get(c.kid).json, cleared, "account read back")


@test("T-A-07 other members of an update are ignored")
def update_ignored(w):
    before = w.alice.get(w.alice.kid).json
    for payload in ({"status": "revoked"}, {"status": "valid"}, {"orders": "https://x.example/"},
                    {"termsOfServiceAgreed": False}, {"key": {}}):
        equal(accepted(w.alice.post(w.alice.kid, payload)).json, before, f"account after {payload}")


@test("T-A-08 A-09 another account cannot be read or changed")
def foreign(w):
    before = w.bob.get(w.bob.kid).json
    for payload in (None, {}, {"contact": []}, {"status": "deactivated"}):
        refused(w.alice.post(w.bob.kid, payload), "malformed unauthorized", (403, 404))
    equal(w.bob.get(w.bob.kid).json, before, "the other account")


@test("T-A-09 thirty parallel registrations of one key make one account")
def race(w):
    key, n = acme.new_key(), 30
    clients = [w.stranger(key=key) for _ in range(n)]
    nonces = [w.alice.new_nonce() for _ in range(n)]
    for c in clients:
        c.known = w.directory
    answers = parallel(n, lambda i: clients[i].post(
        w.directory["newAccount"], AGREED, kid=None, nonce=nonces[i]))
    statuses = sorted(a.status for a in answers)
    equal(statuses, [200] * (n - 1) + [201], "statuses")
    equal(len({a.header("Location") for a in answers}), 1, "accounts")


@test("T-A-10 newAccount with a kid is refused")
def with_kid(w):
    refused(w.alice.post(w.directory["newAccount"], AGREED), "malformed")


@test("T-A-12 a huge contact is refused")
def huge(w):
    payload = dict(AGREED, contact=["mailto:" + "a" * (1 << 20) + "@b.example"])
    try:
        refused(new_account(w, w.stranger(), payload), "malformed invalidContact", (400, 413),
                post=False)
    except OSError:
        pass  # it may stop reading and close
    refused(new_account(w, w.stranger(), dict(AGREED, contact=["mailto:" + "a" * 30000])),
            "invalidContact")
    w.alive()


@test("T-A-13 an unknown kid is told so on every resource")
def unknown_kid(w):
    order, authorization, challenge = w.pending()
    kid = other_id(w.alice.kid)
    for url, payload in ((w.alice.kid, None), (order["url"], None), (authorization["url"], None),
                         (challenge["url"], {}), (order["finalize"], {"csr": "AAAA"}),
                         (w.directory["newOrder"], w.names_payload(w.name()))):
        refused(w.alice.post(url, payload, kid=kid), "accountDoesNotExist")


@test("T-X-01 A-11 a deactivated account may do nothing more")
def deactivated(w):
    c = w.client()
    order, authorization, challenge = w.pending(c)
    answer = accepted(served(c.post(c.kid, {"status": "deactivated"})))
    equal(answer.json["status"], "deactivated", "status")
    for url, payload in ((c.kid, None), (c.kid, {"status": "valid"}), (order["url"], None),
                         (authorization["url"], None), (challenge["url"], {}),
                         (w.directory["newOrder"], w.names_payload(w.name()))):
        refused(c.post(url, payload), "unauthorized", (401,))
    refused(new_account(w, c, AGREED), "unauthorized", (401,))
    refused(new_account(w, c, {"onlyReturnExisting": True}), "unauthorized", (401,))
