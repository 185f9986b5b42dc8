#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An installation for every kind of issuer key: init, up, a certificate by http-01, down.  `openssl
verify` says whether the chain holds, the signature's algorithm is the one of the key, and the log of
signatures has the certificate.  And what init refuses."""
import hashlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, PREFIX, Report, acme  # noqa: E402
from cryptography import x509  # noqa: E402

# issuer, root (None: not said, as the issuer), signature algorithm of the issuer's certificates
KINDS = [("ec-p256", None, "ecdsa-with-SHA256"), ("ec-p384", "rsa-4096", "ecdsa-with-SHA384"),
         ("rsa-2048", None, "sha256WithRSAEncryption"), ("rsa-3072", "ec-p384", "sha256WithRSAEncryption"),
         ("rsa-4096", "ed25519", "sha384WithRSAEncryption"), ("ed25519", None, "ED25519")]


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}"


def kind_of(key):
    """The kind of a public key, as policy names it."""
    name = type(key).__name__
    if "RSA" in name:
        return f"rsa-{key.key_size}"
    return "ed25519" if "Ed25519" in name else f"ec-p{key.curve.key_size}"


def whole_way(ca, report, issuer, root, algorithm):
    who = f"{issuer} under {root or issuer}"
    pem, _ = issue(ca)
    certs = acme.certificates(pem)
    leaf, chain = ca.dir / "leaf.pem", ca.dir / "chain.pem"
    leaf.write_text(pem)
    chain.write_text(pem)
    said = openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.root, "-untrusted",
                   chain, leaf)
    report.check(f"{who}: openssl verify says OK", said.strip().endswith(": OK"), said)
    top = x509.load_pem_x509_certificate(ca.root.read_bytes())
    report.check(f"{who}: both have keys of their kind",
                 [kind_of(certs[1].public_key()), kind_of(top.public_key())] == [issuer, root or issuer])
    text = openssl("x509", "-noout", "-text", "-in", leaf)
    report.check(f"{who}: the certificate is signed with {algorithm}",
                 text.count(f"Signature Algorithm: {algorithm}\n") == 2, text)
    lines = ca.signatures()
    digest = hashlib.sha256(certs[0].tbs_certificate_bytes).hexdigest()
    report.check(f"{who}: the log of signatures has it alone",
                 [line["tbs_sha256"] for line in lines] == [digest], str(lines))


def issue(ca):
    client = ca.client()
    client.register()
    return client.issue(["www.chancery.example"], ca.web)


def refusals(report):
    for option, kind in (("--issuer-key", "rsa-1024"), ("--issuer-key", "P-256"),
                         ("--root-key", "ec-p521")):
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), "init", "--dir",
                               os.path.join(os.environ.get("TMPDIR", "/tmp"), "never"), option, kind],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL)
        report.check(f"init refuses {option} '{kind}' and names what there is",
                     done.returncode != 0 and option in done.stdout and "ed25519" in done.stdout,
                     done.stdout)


def main():
    report = Report()
    for issuer, root, algorithm in KINDS:
        words = ["--issuer-key", issuer] + (["--root-key", root] if root else [])
        with Installation(arguments=words) as ca:
            whole_way(ca, report, issuer, root, algorithm)
    refusals(report)
    report.end()


main()
