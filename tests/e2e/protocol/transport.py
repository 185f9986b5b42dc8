# SPDX-License-Identifier: Apache-2.0
"""core.md sections 1, 5, 6, 7, 8 and 10 over HTTP: T-H, T-U, T-N, T-G, T-E, T-D."""
import json
import random
import threading
import time

import acme
from protocol.harness import Skipped, accepted, check, equal, other_id, parallel, refused, test


def objects(w):
    """URLs of everything alice has that is not in the directory."""
    order, authorization, challenge = w.pending()
    account = w.alice.get(w.alice.kid).json
    urls = {"account": w.alice.kid, "order": order["url"], "authorization": authorization["url"],
            "challenge": challenge["url"], "finalize": order["finalize"]}
    if "orders" in account and w.serves(account["orders"]):
        urls["orders list"] = account["orders"]
    return urls


def actions(w):
    return [n for n in ("newAccount", "newOrder", "newAuthz", "keyChange", "revokeCert")
            if n in w.directory and w.serves(w.directory[n], {})]


@test("T-D-01 T-D-05 the directory lists absolute URLs below the configured base")
def directory(w):
    c = w.stranger()
    answer = accepted(c.http.request("GET", w.url))
    equal(answer.header("Content-Type", "").partition(";")[0], "application/json", "Content-Type")
    check(not answer.links("index"), "the directory links to itself")
    check(not answer.header("Replay-Nonce"), "GET of the directory gives a nonce")
    base = "/".join(w.url.split("/")[:3]) + "/"
    for name, value in answer.json.items():
        if name != "meta" and isinstance(value, str) and value.startswith("http"):
            check(value.startswith(base), f"{name} is {value}")
        check(value is not None, f"{name} is null")
    for name in ("newNonce", "newAccount", "newOrder"):
        check(name in answer.json, f"no {name}")
    head = c.http.request("HEAD", w.url)
    equal((head.status, head.body), (200, b""), "HEAD")


@test("T-D-02 the directory can be read by POST-as-GET")
def directory_post(w):
    equal(accepted(w.alice.post(w.url)).json, w.directory, "directory")


@test("T-H-01 only application/jose+json is taken")
def content_type(w):
    c = w.stranger()
    url = w.directory["newAccount"]
    for kind in ("application/json", None, "text/plain", "application/jose",
                 "application/jose+jsonx", "application/x-www-form-urlencoded"):
        jws = c.sign(url, {"termsOfServiceAgreed": True}, kid=None)
        refused(c.send(url, jws, content_type=kind), "malformed", (415,))
    jws = c.sign(url, {"termsOfServiceAgreed": True}, kid=None)
    accepted(c.send(url, jws, content_type="Application/JOSE+JSON; charset=utf-8"), 201)


@test("T-H-02 GET of ACME resources is refused and shows nothing")
def get_refused(w):
    for what, url in objects(w).items():
        for method in ("GET", "HEAD"):
            answer = w.alice.http.request(method, url)
            equal(answer.status, 405, f"{method} of {what}")
            check("POST" in answer.header("Allow", ""), f"{what}: Allow is {answer.header('Allow')}")
        answer = refused(w.alice.http.request("GET", url), "malformed", (405,), post=False)
        for leak in ("token", "identifiers", "contact"):
            check(leak not in answer.json, f"{what} leaks {leak}")


@test("T-H-03 other methods are refused")
def methods(w):
    urls = dict(objects(w), directory=w.url, **{n: w.directory[n] for n in actions(w)})
    urls["newNonce"] = w.directory["newNonce"]
    for what, url in urls.items():
        for method in ("PUT", "DELETE", "PATCH"):
            answer = w.alice.http.request(method, url, b"{}", {"Content-Type": "application/json"})
            equal(answer.status, 405, f"{method} of {what}")
            if what != "directory":  # which does not link to itself
                refused(answer, "malformed", (405,), post=False)
            check(answer.header("Allow"), f"{method} of {what}: no Allow")


@test("T-H-04 an unknown path is a problem document")
def unknown_path(w):
    base = "/".join(w.url.split("/")[:3])
    for path in ("/nonexistent", "/", "/acme/nonexistent", "/directory/x"):
        refused(w.alice.http.request("GET", base + path), "malformed", (404,), post=False)
    for path in ("/%00", "/../etc", "//", "/%zz"):
        answer = w.alice.http.request("GET", base + path)
        check(answer.status in (404, 400), f"GET {path}: {answer!r}")
        check("<html" not in answer.text.lower(), f"HTML: {answer!r}")
    refused(w.alice.post(base + "/nonexistent"), "malformed", (404,))


@test("T-H-06 a preflight is answered without a nonce")
def preflight(w):
    answer = w.alice.http.request("OPTIONS", w.directory["newOrder"], headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    check(answer.status in (200, 204), repr(answer))
    equal(answer.header("Access-Control-Allow-Origin"), "*", "Access-Control-Allow-Origin")
    check("POST" in answer.header("Access-Control-Allow-Methods", ""), "no POST allowed")
    check("content-type" in answer.header("Access-Control-Allow-Headers", "").lower(),
          "Content-Type not allowed")
    for name in ("Replay-Nonce", "Location", "Link", "Retry-After"):
        check(name.lower() in answer.header("Access-Control-Expose-Headers", "").lower(),
              f"{name} not exposed")
    check(not answer.header("Replay-Nonce"), "a nonce was given away")
    check(answer.header("Allow"), "no Allow")


@test("H-03 ordinary answers carry Access-Control-Allow-Origin")
def cors(w):
    for answer in (w.alice.http.request("GET", w.url), w.alice.post(w.alice.kid)):
        equal(answer.header("Access-Control-Allow-Origin"), "*", "Access-Control-Allow-Origin")


@test("T-H-07 Host and X-Forwarded-Host change no URL")
def host(w):
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example",
                                               "Forwarded": "host=evil.example"}):
        answer = w.alice.http.request("GET", w.url, headers=headers)
        check("evil" not in answer.text, f"believed: {answer!r}")
        if "Host" not in headers:
            equal(accepted(answer).json, w.directory, "directory")
    c = w.stranger()
    jws = c.sign(w.directory["newAccount"], {"termsOfServiceAgreed": True}, kid=None)
    answer = accepted(c.send(w.directory["newAccount"], jws,
                             headers={"X-Forwarded-Host": "evil.example"}), 201)
    check("evil" not in str(answer.headers) + answer.text, "believed")


@test("T-H-08 broken UTF-8 is refused")
def utf8(w):
    c = w.alice
    for payload in (b'{"contact":["mailto:\xff@b.example"]}', b'{"x":"\xc0\xaf"}',
                    b'{"x":"\xed\xa0\x80"}', b"\xff"):
        refused(c.post(c.kid, payload), "malformed invalidContact")
    refused(c.send(c.kid, b'{"protected":"\xff"}'), "malformed")
    w.alive()


@test("H-08 a body that is too large is refused and the server lives on")
def too_large(w):
    try:
        answer = w.alice.send(w.alice.kid, b"x" * (10 << 20))
        refused(answer, "malformed", (413,))
    except OSError:
        pass  # it may stop reading and close
    w.alive()


@test("H-08 chunked bodies are taken")
def chunked(w):
    jws = json.dumps(w.alice.sign(w.alice.kid)).encode()
    pieces = iter((jws[:10], jws[10:]))
    answer = w.alice.http.request("POST", w.alice.kid, pieces,
                                  {"Content-Type": "application/jose+json"})
    accepted(answer)


@test("T-U-01 a request for one resource is refused at another, and its nonce is spent")
def replay_elsewhere(w):
    c, url = w.alice, w.directory["newOrder"]
    for name in ("keyChange", "revokeCert"):
        if name not in w.directory:
            continue
        payload = w.names_payload(w.name())
        jws = c.sign(url, payload)
        refused(c.send(w.directory[name], jws), "unauthorized", (401, 403))
        refused(c.send(url, jws), "badNonce")


@test("T-U-02 another spelling of the URL is refused")
def url_spellings(w):
    url = w.directory["newOrder"]
    scheme, rest = url.split("://", 1)
    host, path = rest.split("/", 1)
    for other in (f"{scheme}://{host.upper()}/{path}", f"{scheme}://{host}//{path}", url + "?x=1",
                  "http://" + rest, url + "/", url.replace(path, "%%%02X" % ord(path[0]) + path[1:]),
                  f"{scheme}://{host.partition(':')[0]}:443/{path}", url[:-1], path, "",
                  f"{scheme}://evil.example/{path}"):
        refused(w.alice.post(other, w.names_payload(w.name()), to=url),
                "unauthorized malformed", (400, 401, 403))


@test("T-U-03 a missing url and one that is no string are refused")
def url_types(w):
    for value in (acme.REMOVE, None, 7, [], {}):
        refused(w.alice.post(w.alice.kid, {}, changes={"url": value}), "malformed")


@test("T-U-04 the query is part of the URL")
def url_query(w):
    orders = w.alice.get(w.alice.kid).json.get("orders")
    if orders is None:
        raise Skipped("no orders list")
    refused(w.alice.post(orders, None, to=orders + "?cursor=AAAA"), "unauthorized", (401, 403))
    refused(w.alice.post(orders + "?cursor=AAAA", None, to=orders), "unauthorized", (401, 403))


@test("T-N-01 a request sent twice is refused, and the nonce of the refusal is good")
def nonce_once(w):
    c = w.alice
    jws = c.sign(c.kid)
    accepted(c.send(c.kid, jws))
    answer = refused(c.send(c.kid, jws), "badNonce")
    accepted(c.post(c.kid, None, nonce=answer.header("Replay-Nonce")))


@test("T-N-02 a nonce of another client is good")
def nonce_shared(w):
    accepted(w.alice.post(w.alice.kid, None, nonce=w.bob.new_nonce()))


@test("T-N-03 nonces that are missing, unknown or no base64url are refused by type")
def nonce_kinds(w):
    for nonce in (acme.REMOVE, None, "", "AAAA", acme.b64(bytes(40)), "A" * 4000):
        refused(w.alice.post(w.alice.kid, None, nonce=nonce), "badNonce")
    for nonce in ("a+b=", "a b", "ä", "AAAA="):
        refused(w.alice.post(w.alice.kid, None, nonce=nonce), "malformed")
    refused(w.alice.post(w.alice.kid, None, nonce=7), "malformed")
    good = w.alice.new_nonce()
    forged = good[:12] + ("A" if good[12] != "A" else "B") + good[13:]
    refused(w.alice.post(w.alice.kid, None, nonce=forged), "badNonce")


@test("T-N-04 one nonce in 200 parallel requests is good once")
def nonce_race(w):
    threads, each = 40, 5
    nonce = w.alice.new_nonce()
    bodies = [json.dumps(w.alice.sign(w.alice.kid, None, nonce=nonce)) for _ in range(threads * each)]
    clients = [w.stranger(via=w.second if w.second and i % 2 else None) for i in range(threads)]
    connected = threading.Barrier(threads)

    def fire(i):
        http = clients[i].http
        http.request("HEAD", w.directory["newNonce"])
        connected.wait(30)
        out = [http.request("POST", w.alice.kid, body.encode(),
                            {"Content-Type": "application/jose+json"})
               for body in bodies[i * each:(i + 1) * each]]
        http.close()
        return out
    answers = [a for part in parallel(threads, fire) for a in part]
    good = [a for a in answers if a.status == 200]
    for a in answers:
        if a.status != 200:
            refused(a, "badNonce")
    equal(len(good), 1, "number of requests that succeeded")


@test("T-N-05 a nonce with a bad signature is spent")
def nonce_bad_signature(w):
    c, nonce = w.alice, w.alice.new_nonce()
    wrong = c.sign(c.kid, None, nonce=nonce, key=acme.new_key())
    refused(c.send(c.kid, wrong), "malformed")
    refused(c.send(c.kid, c.sign(c.kid, None, nonce=nonce)), "badNonce")


@test("T-N-06 newNonce answers HEAD with 200, GET with 204, POST-as-GET with 200")
def new_nonce(w):
    url = w.directory["newNonce"]
    for method, status in (("HEAD", 200), ("GET", 204)):
        answer = w.alice.http.request(method, url)
        equal((answer.status, answer.body), (status, b""), method)
        check(answer.header("Replay-Nonce"), f"{method}: no nonce")
        check("no-store" in answer.header("Cache-Control", ""), f"{method}: may be cached")
        check(answer.links("index"), f"{method}: no index link")
    accepted(w.alice.post(url), 200, 204)


@test("N-01 T-N-07 a thousand nonces are all different")
def many_nonces(w):
    nonces = {w.alice.new_nonce() for _ in range(1000)}
    equal(len(nonces), 1000, "different nonces")
    check(all(len(acme.unb64(n)) >= 16 for n in nonces), "a nonce is shorter than 128 bits")


@test("N-02 a nonce is spent by a request that is refused")
def nonce_after_refusal(w):
    c, url = w.alice, w.directory["newOrder"]
    nonce = c.new_nonce()
    refused(c.post(url, {"identifiers": []}, nonce=nonce), "malformed")
    refused(c.post(url, w.names_payload(w.name()), nonce=nonce), "badNonce")


@test("H-10 N-03 every answer to a POST carries a fresh nonce")
def nonce_everywhere(w):
    answers = [w.alice.post(w.alice.kid), w.alice.post(w.alice.kid, {}),
               w.alice.post(w.alice.kid, b"["), w.alice.send(w.alice.kid, "{"),
               w.alice.post(other_id(w.alice.kid)), w.alice.post(w.url)]
    for a in answers:
        check(a.header("Replay-Nonce"), f"no nonce: {a!r}")
        check("no-store" in a.header("Cache-Control", ""), f"may be cached: {a!r}")


@test("T-G-01 POST-as-GET of a challenge starts nothing")
def read_challenge(w):
    _, _, challenge = w.pending()
    before = len(w.web.asked)
    for _ in range(3):
        equal(accepted(w.alice.post(challenge["url"])).json["status"], "pending", "status")
    time.sleep(1)
    equal(w.alice.get(challenge["url"]).json["status"], "pending", "status")
    equal(len([p for p in w.web.asked[before:] if challenge["token"] in p]), 0, "look-ups")


@test("T-G-02 an empty object is no POST-as-GET")
def empty_object(w):
    urls = objects(w)
    for what in ("order", "authorization", "orders list"):
        if what in urls:
            refused(w.alice.post(urls[what], {}), "malformed", (400, 405))
    before = w.alice.get(w.alice.kid).json
    equal(accepted(w.alice.post(w.alice.kid, {})).json, before, "account after an empty update")


@test("T-G-03 what is not ours is not shown")
def foreign(w):
    for what, url in objects(w).items():
        if what == "finalize":
            continue
        answer = refused(w.bob.post(url), "malformed unauthorized", (403, 404))
        check("token" not in answer.text, f"{what} leaks")


@test("T-G-04 G-03 POST-as-GET of an action is refused")
def read_action(w):
    order, _, _ = w.pending()
    refused(w.alice.post(order["finalize"]), "malformed", (400, 405))
    for name in actions(w):
        c, kid = (w.alice, None) if name == "newAccount" else (w.alice, w.alice.kid)
        refused(c.post(w.directory[name], None, kid=kid), "malformed", (400, 405))


@test("T-G payloads that are no object are refused")
def payload_types(w):
    urls = [w.alice.kid, w.directory["newOrder"]]
    for url in urls:
        for payload in (b"[]", b"null", b"1", b'"x"', b"{", b"{}{}", b"\0", b" "):
            refused(w.alice.post(url, payload), "malformed")


@test("T-E-04 random requests are refused with a problem, never by a fault")
def noise(w):
    dice = random.Random(8555)
    urls = [w.directory[n] for n in actions(w)] + list(objects(w).values()) + [w.url]
    values = [None, True, 0, -1, 1.5, "", "x", [], {}, [None], {"a": None}, "A" * 2000, "é\u202e",
              [{"type": "dns"}], {"type": "dns", "value": 1}, 2 ** 62]
    names = ["identifiers", "contact", "status", "csr", "certificate", "reason", "notBefore",
             "notAfter", "termsOfServiceAgreed", "onlyReturnExisting", "externalAccountBinding",
             "identifier", "payload", "protected", "signature", "replaces", "profile"]
    for i in range(400):
        url = dice.choice(urls)
        if i % 4 == 0:
            answer = w.alice.send(url, bytes(dice.randrange(256) for _ in range(dice.randrange(200))))
        else:
            payload = {dice.choice(names): dice.choice(values) for _ in range(dice.randrange(4))}
            if payload.get("status") == "deactivated":
                continue
            kid = None if url == w.directory["newAccount"] else w.alice.kid
            answer = w.alice.post(url, payload, kid=kid)
        check(answer.status < 500, f"{payload if i % 4 else 'noise'} to {url}: {answer!r}")
        check("<html" not in answer.text.lower(), f"HTML: {answer!r}")
        if answer.status >= 400:
            check(answer.problem is not None, f"no problem document: {answer!r}")
    w.alive()


@test("E-04 an object that does not exist and one of another account look the same")
def same_answer(w):
    order, authorization, challenge = w.pending()
    for url in (order["url"], authorization["url"], challenge["url"]):
        theirs, none = w.bob.post(url), w.bob.post(other_id(url))
        for part in ("status", "problem", "detail"):
            equal(getattr(theirs, part), getattr(none, part), f"{part} for {url}")
