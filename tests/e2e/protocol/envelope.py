# SPDX-License-Identifier: Apache-2.0
"""core.md sections 2, 3 and 4 over HTTP: T-B, T-J, T-K."""
import socket
import time

import acme
from protocol.harness import Skipped, accepted, check, equal, other_id, refused, test

REMOVE = acme.REMOVE


def change(**members):
    """A mutation of the JWS: members replaced, or left out where REMOVE."""
    def mutate(jws):
        out = dict(jws, **members)
        return {k: v for k, v in out.items() if v is not REMOVE}
    return mutate


def raw_header(c, url, extra):
    """A header as text, so that members may stand twice."""
    h = acme.compact(c.header(url))
    return (h[:-1] + "," + extra + "}").encode()


@test("T-B-01 padding is refused in each part")
def padding(w):
    for part in ("protected", "payload", "signature"):
        refused(w.alice.post(w.alice.kid, {}, mutate=lambda j: dict(j, **{part: j[part] + "="})),
                "malformed")


@test("T-B-02 other alphabets, line breaks and spaces are refused")
def alphabet(w):
    for text in ("e30\n", "e3 0", "e+30", "e/30", "e", "e31"):
        for part in ("protected", "payload", "signature"):
            refused(w.alice.post(w.alice.kid, {}, mutate=change(**{part: text})), "malformed")


@test("T-B-03 a protected header that is no object is refused")
def header_types(w):
    for text in (b"[]", b"1", b"", b'"x"', b"null", b"{", b"{}x"):
        refused(w.alice.post(w.alice.kid, {}, mutate=change(protected=acme.b64(text))), "malformed")


@test("T-B-04 header members that stand twice are refused")
def duplicates(w):
    url = w.alice.kid
    for extra in ('"alg":"ES256"', '"nonce":"AAAA"', f'"kid":"{url}"', f'"url":"{url}"'):
        refused(w.alice.post(url, {}, raw_header=raw_header(w.alice, url, extra)), "malformed")


@test("T-B-04 payload members that stand twice are refused")
def duplicate_payload(w):
    refused(w.alice.post(w.alice.kid, b'{"contact":[],"contact":[]}'), "malformed")


@test("T-B-05 deep nesting is refused and the server lives on")
def nesting(w):
    c = w.alice
    refused(c.send(c.kid, "[" * 30000), "malformed")
    try:
        refused(c.send(c.kid, "[" * 100000), "malformed", (400, 413), post=False)
    except OSError:
        pass  # it may stop reading and close
    refused(c.post(c.kid, b'{"a":' + b"[" * 20000 + b"}"), "malformed")
    refused(c.post(c.kid, {}, raw_header=raw_header(c, c.kid, '"x":' + "[" * 15000)), "malformed")
    w.alive()


@test("T-B-06 identifiers that are an object are refused")
def identifiers_object(w):
    payload = {"identifiers": {"type": "dns", "value": w.name()}}
    refused(w.alice.post(w.directory["newOrder"], payload), "malformed")


@test("T-B-07 NUL in a string is refused")
def nul(w):
    c, order = w.alice, w.directory["newOrder"]
    refused(c.post(order, w.names_payload("a\0." + w.zone)), "malformed rejectedIdentifier")
    refused(c.post(c.kid, {"contact": ["mailto:a\0@b.example"]}), "malformed invalidContact")
    refused(c.post(c.kid, {}, kid=c.kid + "\0"), "malformed accountDoesNotExist")
    refused(c.post(c.kid, {}, changes={"url": c.kid + "\0"}), "malformed unauthorized", (400, 401))


@test("T-B-08 odd numbers as a reason are refused")
def numbers(w):
    if "revokeCert" not in w.directory or not w.serves(w.directory["revokeCert"], {}):
        raise Skipped("no revokeCert")
    for number in ("1e400", "-0", "9223372036854775808", "1.5", "99999999999999999999999", "-1"):
        payload = b'{"certificate":"AAAA","reason":' + number.encode() + b"}"
        refused(w.alice.post(w.directory["revokeCert"], payload), "malformed badRevocationReason",
                (400, 404))
    w.alive()


@test("T-J-01 the compact serialization is refused")
def compact_form(w):
    refused(w.alice.post(w.alice.kid, {}, mutate=lambda j: ".".join(
        (j["protected"], j["payload"], j["signature"]))), "malformed")


@test("T-J-02 the general serialization is refused")
def general_form(w):
    def general(j):
        one = {"protected": j["protected"], "signature": j["signature"]}
        return {"payload": j["payload"], "signatures": [one]}
    refused(w.alice.post(w.alice.kid, {}, mutate=general), "malformed")
    refused(w.alice.post(w.alice.kid, {}, mutate=lambda j: dict(j, **general(j))), "malformed")
    refused(w.alice.post(w.alice.kid, {}, mutate=change(signatures=[])), "malformed")


@test("T-J-03 an unprotected header is refused")
def unprotected(w):
    for value in ({}, {"alg": "ES256"}, None):
        refused(w.alice.post(w.alice.kid, {}, mutate=change(header=value)), "malformed")


@test("T-J-04 a missing part is refused; an empty payload is POST-as-GET")
def parts(w):
    for part in ("protected", "payload", "signature"):
        refused(w.alice.post(w.alice.kid, {}, mutate=change(**{part: REMOVE})), "malformed")
        refused(w.alice.post(w.alice.kid, {}, mutate=change(**{part: None})), "malformed")
        refused(w.alice.post(w.alice.kid, {}, mutate=change(**{part: 7})), "malformed")
    equal(accepted(w.alice.post(w.alice.kid)).json["status"], "valid", "status")


@test("J-03 B-05 unknown members of the JWS are ignored")
def unknown_members(w):
    accepted(w.alice.post(w.alice.kid, {}, mutate=change(x=[1], typ="JOSE")))
    accepted(w.alice.post(w.alice.kid, {}, changes={"typ": "JWT", "x": {}}))


def algorithms(answer):
    refused(answer, "badSignatureAlgorithm")
    known = answer.json.get("algorithms")
    check(isinstance(known, list) and "ES256" in known and "none" not in known,
          f"algorithms are {known}")
    check(not any(a.startswith("HS") for a in known), f"a MAC is offered: {known}")


@test("T-J-05 alg none is refused with the list of algorithms")
def alg_none(w):
    algorithms(w.alice.post(w.alice.kid, {}, changes={"alg": "none"}, mutate=change(signature="")))
    algorithms(w.alice.post(w.alice.kid, {}, changes={"alg": "none"}))


@test("T-J-06 a MAC keyed with the public key is refused")
def alg_mac(w):
    import hashlib
    import hmac
    from cryptography.hazmat.primitives import serialization
    pem = w.alice.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, acme.compact(acme.jwk_of(w.alice.key)).encode(), b""):
        def mac(j):
            text = f"{j['protected']}.{j['payload']}".encode()
            return dict(j, signature=acme.b64(hmac.new(secret, text, hashlib.sha256).digest()))
        algorithms(w.alice.post(w.alice.kid, {}, changes={"alg": "HS256"}, mutate=mac))


@test("T-J-07 an algorithm of another kind of key is refused")
def alg_confused(w):
    rsa = w.stranger("RS256")
    refused(rsa.post(w.directory["newAccount"], {"termsOfServiceAgreed": True}, kid=None,
                     changes={"alg": "ES256"}), "badPublicKey malformed")
    refused(w.alice.post(w.alice.kid, {}, changes={"alg": "RS256"}), "badPublicKey malformed")
    refused(w.alice.post(w.alice.kid, {}, changes={"alg": "EdDSA"}), "badPublicKey malformed")
    refused(w.alice.post(w.alice.kid, {}, changes={"alg": "ES384"}), "badPublicKey malformed")


@test("T-J-08 jwk and kid: both, neither and the wrong one are refused")
def key_names(w):
    c, new_order, new_account = w.alice, w.directory["newOrder"], w.directory["newAccount"]
    order = w.names_payload(w.name())
    refused(c.post(new_order, order, changes={"jwk": acme.jwk_of(c.key)}), "malformed")
    refused(c.post(new_order, order, changes={"kid": REMOVE}), "malformed")
    refused(c.post(new_account, {"termsOfServiceAgreed": True}), "malformed")
    refused(c.post(new_order, order, kid=None), "malformed")
    refused(c.post(c.kid, None, kid=None), "malformed")


@test("T-J-09 crit and b64 are refused")
def critical(w):
    for header in ({"crit": ["url"]}, {"crit": []}, {"b64": False}, {"b64": True},
                   {"crit": ["b64"], "b64": False}, {"crit": None}):
        refused(w.alice.post(w.alice.kid, {}, changes=header), "malformed")


@test("T-J-10 ECDSA signatures of another shape are refused")
def shapes(w):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    def der(raw):
        return encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                    int.from_bytes(raw[32:], "big"))
    zero, full = bytes(32), b"\xff" * 32
    for shape in (der, lambda s: s[:63], lambda s: s + b"\0", lambda s: b"\0" + s, lambda s: b"",
                  lambda s: zero + s[32:], lambda s: s[:32] + zero, lambda s: s[:32] + full,
                  lambda s: full + s[32:], lambda s: zero + zero):
        def mutate(j):
            return dict(j, signature=acme.b64(shape(acme.unb64(j["signature"]))))
        refused(w.alice.post(w.alice.kid, {}, mutate=mutate), "malformed")


def new_account_with(w, jwk, alg, types):
    began = time.monotonic()
    refused(w.stranger().post(w.directory["newAccount"], {"termsOfServiceAgreed": True}, kid=None,
                              changes={"alg": alg, "jwk": jwk}), types)
    check(time.monotonic() - began < 2, f"took {time.monotonic() - began:.1f} s")


@test("T-J-11 EC keys that are no point of the curve are refused")
def points(w):
    jwk = acme.jwk_of(acme.new_key())
    x, y = acme.unb64(jwk["x"]), acme.unb64(jwk["y"])
    p = (2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1).to_bytes(32, "big")
    off = bytes([x[0]]) + bytes([x[1] ^ 1]) + x[2:]
    for bx, by in ((off, y), (x, x), (bytes(32), bytes(32)), (p, y), (b"\xff" * 32, y), (x[1:], y),
                   (b"\0" + x, y), (x, b"\0" + y), (b"", b""), (x, b"")):
        new_account_with(w, {"kty": "EC", "crv": "P-256", "x": acme.b64(bx), "y": acme.b64(by)},
                         "ES256", "badPublicKey malformed")


@test("T-J-12 weak RSA keys are refused in bounded time")
def weak_rsa(w):
    good = acme.jwk_of(acme.new_key("RS256"))
    n = acme.unb64(good["n"])
    even, wide = n[:-1] + bytes([n[-1] & 0xfe]), b"\xc5" * 2047 + b"\x55"
    small = acme.unb64(acme.jwk_of(acme.new_key("RS256", 1024))["n"])
    for bn, e in ((small, "AQAB"), (n, "AQ"), (n, "Ag"), (n, "Aw"), (n, "AA"), (even, "AQAB"),
                  (b"\0", "AQAB"), (b"", "AQAB"), (wide, "AQAB"), (n, acme.b64(n)), (n, "")):
        new_account_with(w, {"kty": "RSA", "n": acme.b64(bn), "e": e}, "RS256",
                         "badPublicKey malformed")


@test("T-J-13 keys with private members are refused")
def private(w):
    for name in ("d", "k", "p", "oth"):
        jwk = dict(acme.jwk_of(acme.new_key()), **{name: "AAAA"})
        new_account_with(w, jwk, "ES256", "malformed badPublicKey")


@test("T-J-14 other kinds of keys are refused")
def kinds(w):
    ec = acme.jwk_of(acme.new_key())
    okp = acme.jwk_of(acme.new_key("EdDSA"))
    for jwk, alg in ((dict(ec, crv="secp256k1"), "ES256"), (dict(ec, crv="P-224"), "ES256"),
                     (dict(okp, crv="Ed448"), "EdDSA"), (dict(okp, crv="X25519"), "EdDSA")):
        new_account_with(w, jwk, alg, "badPublicKey")
    new_account_with(w, {"kty": "oct", "k": "AAAA"}, "ES256", "badPublicKey malformed")
    for jwk in ({}, {"kty": "EC"}, {"kty": 7}, dict(ec, x=7), dict(ec, y=None)):
        new_account_with(w, jwk, "ES256", "malformed badPublicKey")


@test("T-J-15 one flipped bit is noticed")
def bits(w):
    def flip(part, at):
        def mutate(j):
            octets = bytearray(acme.unb64(j[part]))
            octets[at % len(octets)] ^= 1
            return dict(j, **{part: acme.b64(bytes(octets))})
        return mutate
    for at in (0, 5, 20, 63):
        refused(w.alice.post(w.alice.kid, {}, mutate=flip("signature", at)), "malformed")
    # A flipped bit in the text may break its syntax or name another thing first.
    for at in (3, 11, 40):
        refused(w.alice.post(w.alice.kid, {"contact": ["mailto:abc@def.example"]},
                             mutate=flip("payload", at)), "malformed")
        refused(w.alice.post(w.alice.kid, {}, mutate=flip("protected", at), retry=False),
                "malformed badNonce unauthorized accountDoesNotExist badSignatureAlgorithm "
                "badPublicKey", (400, 401))
    check("contact" not in w.alice.get(w.alice.kid).text or
          "def.example" not in w.alice.get(w.alice.kid).text, "a forged contact was stored")


@test("T-J-16 the kid of another account does not verify")
def foreign_kid(w):
    refused(w.alice.post(w.bob.kid, None, kid=w.bob.kid), "malformed")
    refused(w.alice.post(w.directory["newOrder"], w.names_payload(w.name()), kid=w.bob.kid),
            "malformed")


@test("T-J-17 another spelling of the kid is no account")
def kid_spellings(w):
    kid = w.alice.kid
    scheme, rest = kid.split("://", 1)
    host, path = rest.split("/", 1)
    last = kid[-1]
    for other in (f"{scheme}://{host.upper()}/{path}", kid + "/", "http://" + rest, kid + "?a=b",
                  kid + "#x", kid[:-1] + "%%%02X" % ord(last), f"{scheme}://{host}//{path}",
                  f"{scheme.upper()}://{rest}", kid[:-1], path, "/" + path, "", " " + kid,
                  kid + "A", other_id(kid)):
        refused(w.alice.post(kid, None, kid=other), "accountDoesNotExist")


@test("T-J-18 a JWK for another algorithm is refused")
def jwk_alg(w):
    key = acme.new_key()
    c = w.stranger(key=key)
    url, payload = w.directory["newAccount"], {"termsOfServiceAgreed": True}
    refused(c.post(url, payload, kid=None, changes={"jwk": dict(acme.jwk_of(key), alg="RS256")}),
            "malformed")
    accepted(c.post(url, payload, kid=None, changes={"jwk": dict(acme.jwk_of(key), alg="ES256")}),
             201)


@test("T-J-19 nothing is fetched for jku, x5u and x5c")
def fetched(w):
    listener = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d/" % listener.getsockname()[1]
    accepted(w.alice.post(w.alice.kid, None, changes={"jku": url, "x5u": url, "x5c": [url],
                                                      "x5t": "AAAA"}))
    listener.settimeout(0.5)
    try:
        listener.accept()
        check(False, "the server connected")
    except TimeoutError:
        pass
    finally:
        listener.close()


@test("J-07 each supported algorithm registers and signs")
def every_algorithm(w):
    for alg in ("ES256", "ES384", "EdDSA", "RS256"):
        c = w.client(alg)
        accepted(c.get(c.kid))
        accepted(c.post(w.directory["newOrder"], w.names_payload(w.name())), 201)


@test("T-K-02 T-A-11 leading zeros of an RSA modulus make no second account")
def leading_zeros(w):
    c = w.client("RS256")
    jwk = acme.jwk_of(c.key)
    padded = dict(jwk, n=acme.b64(b"\0\0" + acme.unb64(jwk["n"])))
    answer = c.post(w.directory["newAccount"], {"termsOfServiceAgreed": True}, kid=None,
                    changes={"jwk": padded})
    if answer.status >= 400:
        refused(answer, "badPublicKey malformed")
        return
    equal((answer.status, answer.header("Location")), (200, c.kid), "answer")


@test("T-K-03 order and extra members of a JWK do not matter")
def jwk_extras(w):
    jwk = acme.jwk_of(w.alice.key)
    other = dict(reversed(list(jwk.items())), use="sig", kid="x")
    answer = w.alice.post(w.directory["newAccount"], {}, kid=None, changes={"jwk": other})
    equal((accepted(answer).header("Location")), w.alice.kid, "Location")


@test("T-K-04 a key whose coordinate begins with a zero octet goes the whole way")
def short_coordinate(w):
    for name in ("x", "y"):
        key = acme.new_key()
        while acme.unb64(acme.jwk_of(key)[name])[0] != 0:
            key = acme.new_key()
        c = w.client(key=key)
        names = [w.name()]
        pem, _ = c.issue(names, w.web)
        check(len(acme.certificates(pem)) >= 1, "no certificate")
