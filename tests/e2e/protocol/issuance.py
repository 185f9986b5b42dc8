# SPDX-License-Identifier: Apache-2.0
"""core.md sections 19 and 20 over HTTP: T-F, T-R."""
import ipaddress
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

import acme
from protocol.harness import accepted, check, equal, other_id, parallel, refused, test

STRICT_PEM = (r"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n"
              r"-----END CERTIFICATE-----\n)+")


def names_of(order):
    return [i["value"] for i in order["identifiers"]]


def finalize(c, order, der):
    return c.post(order["finalize"], {"csr": der if isinstance(der, str) else acme.b64(der)})


def sans(certificate):
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER,
                            serialization.PublicFormat.SubjectPublicKeyInfo)


def still_ready(w, order):
    equal(w.alice.get(order["url"]).json["status"], "ready", "status after a refused CSR")


@test("T-F-01 F-02 a ready order and a right CSR give a certificate")
def right(w):
    order = w.ready(names=[w.name(), w.name()])
    der, key = acme.csr(names_of(order))
    answer = accepted(finalize(w.alice, order, der))
    equal(answer.header("Location"), order["url"], "Location")
    check(answer.json["status"] in ("processing", "valid"), repr(answer))
    for member in ("finalize", "authorizations", "identifiers", "expires"):
        check(member in answer.json, f"no {member} in {answer!r}")
    done = w.alice.poll(order["url"])
    equal(done["status"], "valid", "status")
    leaf = acme.certificates(w.alice.download(done))[0]
    equal(sorted(sans(leaf)), sorted(names_of(order)), "names")
    refused(finalize(w.alice, order, der), "orderNotReady", (403,))


@test("T-F-02 a pending order is not ready")
def not_ready(w):
    order, _, _ = w.pending()
    refused(finalize(w.alice, order, acme.csr(names_of(order))[0]), "orderNotReady", (403,))


@test("T-F-02 twenty parallel finalizations give one certificate")
def finalize_race(w):
    order = w.ready()
    ders = [acme.csr(names_of(order))[0] for _ in range(20)]
    nonces = [w.alice.new_nonce() for _ in range(20)]
    answers = parallel(20, lambda i: w.alice.post(
        order["finalize"], {"csr": acme.b64(ders[i])}, nonce=nonces[i]))
    good = [i for i, a in enumerate(answers) if a.status == 200]
    for i, answer in enumerate(answers):
        if i not in good:
            refused(answer, "orderNotReady", (403,))
    equal(len(good), 1, "accepted finalizations")
    done = w.alice.poll(order["url"])
    leaf = acme.certificates(w.alice.download(done))[0]
    wanted = x509.load_der_x509_csr(ders[good[0]]).public_key()
    equal(spki(leaf.public_key()), spki(wanted), "key of the certificate")


@test("T-F-03 a CSR that asks for other names is refused and the order stays ready")
def other_names(w):
    order = w.ready(names=[w.name(), w.name()])
    a, b = names_of(order)
    for der, _ in (acme.csr([a]), acme.csr([a, b, w.name()]), acme.csr([a, w.name()]), acme.csr([]),
                   acme.csr([a, a, b]), acme.csr([a, b], cn=w.name()), acme.csr([], cn=a),
                   acme.csr([a], cn="x"), acme.csr([a, "*." + b]), acme.csr([a, b + "."])):
        refused(finalize(w.alice, order, der), "badCSR")
    still_ready(w, order)
    w.alice.finalize(order, acme.csr([b, a])[0])


@test("T-F-03 names in upper case and a name in the CN are accepted")
def same_names(w):
    for make in (lambda n: acme.csr([n.upper()]), lambda n: acme.csr([], cn=n),
                 lambda n: acme.csr([n], cn=n), lambda n: acme.csr([n], cn=n.upper())):
        order = w.ready()
        name, = names_of(order)
        der, _ = make(name)
        leaf = acme.certificates(w.alice.download(w.alice.finalize(order, der)))[0]
        equal(sans(leaf), [name], "names")


def broken_signature(der):
    return der[:-4] + bytes([der[-4] ^ 1]) + der[-3:]


@test("T-F-04 CSRs with a bad signature or a bad key are refused")
def bad_keys(w):
    order = w.ready()
    names = names_of(order)
    refused(finalize(w.alice, order, broken_signature(acme.csr(names)[0])), "badCSR")
    for key in (w.alice.key, w.bob.key, acme.new_key("RS256", 1024),
                rsa.generate_private_key(3, 2048)):
        refused(finalize(w.alice, order, acme.csr(names, key)[0]), "badCSR badPublicKey")
    try:
        sha1 = acme.csr(names, acme.new_key("RS256"), md=hashes.SHA1)[0]
        refused(finalize(w.alice, order, sha1), "badCSR")
    except (ValueError, UnsupportedAlgorithm):
        pass  # this OpenSSL does not make them
    still_ready(w, order)


@test("T-F-05 other kinds of names are refused")
def other_kinds(w):
    order = w.ready()
    names = names_of(order)
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x05admin")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    for general in (x509.RFC822Name("a@b.example"), upn, x509.DirectoryName(subject),
                    x509.UniformResourceIdentifier("https://a.example/"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))):
        refused(finalize(w.alice, order, acme.csr(names, sans=[general])[0]), "badCSR")
    still_ready(w, order)


@test("T-F-06 a CSR that asks to be a CA is refused")
def ca(w):
    order = w.ready()
    names = names_of(order)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    refused(finalize(w.alice, order, acme.csr(names, extensions=[(constraints, True)])[0]), "badCSR")
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    refused(finalize(w.alice, order, acme.csr(names, extensions=[(odd, True)])[0]), "badCSR")
    still_ready(w, order)


@test("T-F-08 what is no CSR is refused")
def no_csr(w):
    order = w.ready()
    der, key = acme.csr(names_of(order))
    pem = x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM)
    padded = acme.b64(der)
    padded += "=" * (-len(padded) % 4) or "="
    for value in ("", "AA", "AAAA", acme.b64(pem), pem.decode(), padded, der + b"\0", der[:-1],
                  b"\x30\x80" + der[4:] + b"\0\0", b"\x30" * 1000, acme.b64(der) + "\n",
                  b"\0" * 20000, "+" * 40, acme.b64(spki(key.public_key()))):
        refused(finalize(w.alice, order, value), "badCSR malformed")
    for cut in range(1, len(der), 7):
        refused(finalize(w.alice, order, der[:cut]), "badCSR malformed")
    still_ready(w, order)


@test("T-F-12 POST-as-GET of finalize is refused")
def finalize_empty(w):
    order = w.ready()
    refused(w.alice.post(order["finalize"]), "malformed", (400, 405))
    still_ready(w, order)


@test("T-F-13 a csr that is no string is refused")
def csr_types(w):
    order = w.ready()
    for payload in ({"csr": 123}, {"csr": None}, {"csr": []}, {"csr": {}}, {}, b"[]", b'"x"', b"null"):
        refused(w.alice.post(order["finalize"], payload), "malformed badCSR")
    still_ready(w, order)


def signed_by(certificate, issuer):
    key = issuer.public_key()
    args = (certificate.signature, certificate.tbs_certificate_bytes)
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(*args, ec.ECDSA(certificate.signature_hash_algorithm))
    elif hasattr(key, "public_numbers"):
        key.verify(*args, padding.PKCS1v15(), certificate.signature_hash_algorithm)
    else:
        key.verify(*args)


@test("T-R-01 the chain is strict PEM, each certificate signed by the next, and holds the right key")
def chain(w):
    order, pem, key = w.issued()
    answer = w.alice.get(order["certificate"])
    equal(answer.header("Content-Type", "").partition(";")[0], "application/pem-certificate-chain",
          "Content-Type")
    check(re.fullmatch(STRICT_PEM, pem), f"not strict PEM: {pem[:200]!r}")
    certificates = acme.certificates(pem)
    check(len(certificates) >= 2, "no issuing certificate in the chain")
    for certificate, issuer in zip(certificates, certificates[1:]):
        equal(certificate.issuer, issuer.subject, "issuer")
        signed_by(certificate, issuer)
    leaf = certificates[0]
    equal(spki(leaf.public_key()), spki(key.public_key()), "key")
    equal(sorted(sans(leaf)), sorted(names_of(order)), "names")
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints) if any(
        isinstance(e.value, x509.BasicConstraints) for e in leaf.extensions) else None
    check(basic is None or not basic.value.ca, "the leaf is a CA")


@test("T-R-02 a certificate of another account is not shown")
def foreign(w):
    order, _, _ = w.issued()
    theirs = refused(w.bob.post(order["certificate"]), "malformed unauthorized", (403, 404))
    none = w.bob.post(other_id(order["certificate"]))
    equal((theirs.status, theirs.problem), (none.status, none.problem), "answer")


@test("T-R-03 GET of a certificate is refused")
def plain_get(w):
    order, _, _ = w.issued()
    answer = w.alice.http.request("GET", order["certificate"])
    refused(answer, "malformed", (405,), post=False)
    check("BEGIN CERTIFICATE" not in answer.text, "shown")


@test("T-R-04 whatever is accepted, the chain comes or the refusal is one")
def accept(w):
    order, pem, _ = w.issued()
    for kind in ("*/*", "application/pem-certificate-chain", "text/html, */*;q=0.1"):
        jws = w.alice.sign(order["certificate"])
        answer = w.alice.send(order["certificate"], jws, headers={"Accept": kind})
        equal(accepted(answer).text, pem, f"chain for Accept: {kind}")


@test("T-R-06 an order that is not valid names no certificate")
def no_certificate(w):
    order, _, _ = w.pending()
    check("certificate" not in w.alice.get(order["url"]).json, "a certificate is named")
    ready = w.ready()
    check("certificate" not in ready, "a certificate is named")
    issued, _, _ = w.issued()
    refused(w.alice.post(other_id(issued["certificate"])), "malformed", (404,))


@test("T-R-07 a certificate is the same on every download")
def immutable(w):
    order, pem, _ = w.issued()
    for _ in range(3):
        equal(w.alice.download(order), pem, "chain")


@test("R certificates differ in serial, and serials are long and positive")
def serials(w):
    seen = set()
    for _ in range(3):
        order = w.ready()
        done = w.alice.finalize(order, acme.csr(names_of(order))[0])
        serial = acme.certificates(w.alice.download(done))[0].serial_number
        check(serial > 0 and 64 <= serial.bit_length() <= 159, f"serial has {serial.bit_length()} bits")
        seen.add(serial)
    equal(len(seen), 3, "different serials")
