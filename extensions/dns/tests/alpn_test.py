#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tls-alpn-01 for domain names, from an installed CA to real TLS servers, right and wrong: core.md
T-TA-01 to T-TA-07; and names that are no A-labels."""
import os
import pathlib
import ssl
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("CHY_SOURCE", pathlib.Path(__file__).resolve().parents[3]))
sys.path[:0] = [str(SOURCE / "tests" / "e2e" / "lib"), str(SOURCE / "tests" / "acme_client")]
from installation import Installation, Report, free_port, wait_for  # noqa: E402
import alpn  # noqa: E402
from cryptography import x509  # noqa: E402

ZONE = "chancery.example"


class Attempt:
    """One name, one account, one TLS server of its own behaviour on an address of its own."""

    def __init__(self, ca, port, number, **server):
        self.name = f"t{number}.{ZONE}"
        address = f"127.0.0.{number + 1}"
        ca.zones(f"zones_update ADD t{number} A {address}")
        self.server = alpn.AlpnServer(address, port, **server)
        self.client = ca.client()
        self.client.register()
        self.order = self.client.order([self.name])
        authorization = self.client.authorizations(self.order)[0]
        self.challenge = self.client.challenge(authorization, "tls-alpn-01")
        self.proof = self.client.key_authorization(self.challenge["token"])

    def show(self, **wrong):
        self.server.answers[self.name] = alpn.certificate(self.name, self.proof, **wrong)
        return self

    def begin(self):
        self.client.answer(self.challenge["url"])
        return self

    def end(self):
        done = self.client.poll(self.order["url"], until=("ready", "invalid"), timeout=120)
        self.error = self.client.get(self.challenge["url"]).json.get("error", {})
        self.server.close()
        return done["status"]


def right(ca, port, report):
    """T-TA-01, T-TA-05."""
    cases = [("P-256 and TLS 1.3", {}, {"version": ssl.TLSVersion.TLSv1_3}),
             ("P-256 and TLS 1.2", {}, {"version": ssl.TLSVersion.TLSv1_2}),
             ("RSA", {"rsa_key": True}, {}),
             ("another protocol besides", {}, {"protocols": ("http/1.1", "acme-tls/1")})]
    for number, (what, shown, server) in enumerate(cases):
        attempt = Attempt(ca, port, number, **server).show(**shown).begin()
        report.check(f"T-TA-01 the right certificate proves the name: {what}",
                     attempt.end() == "ready", str(attempt.error))
    report.check("T-TA-05 the hello names the domain and one protocol",
                 attempt.server.hellos == [([attempt.name], ["acme-tls/1"])],
                 str(attempt.server.hellos))


def upper_case(ca, port, report):
    attempt = Attempt(ca, port, 4)
    attempt.show(names=[x509.DNSName(attempt.name.upper())]).begin()
    report.check("T-TA-02 a name in upper case is the same name", attempt.end() == "ready",
                 str(attempt.error))


def openssl_serves(ca, port, report):
    """A server that is nobody's of ours."""
    attempt = Attempt(ca, port, 5)
    attempt.server.close()
    pem = pathlib.Path(ca.dir) / "s_server.pem"
    pem.write_bytes(alpn.certificate(attempt.name, attempt.proof))
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.6:{port}", "-cert", str(pem), "-alpn",
         "acme-tls/1", "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        wait_for("s_server", lambda: subprocess.run(
            ["ss", "-Hltn", f"src 127.0.0.6:{port}"], stdout=subprocess.PIPE).stdout)
        attempt.begin()
        report.check("openssl s_server proves the name", attempt.end() == "ready", str(attempt.error))
    finally:
        server.kill()
        server.wait()


def wrong(ca, port, report):
    """T-TA-02 to T-TA-04, T-TA-07: all at once, for each is tried three times."""
    name = x509.DNSName("other.chancery.example")
    one = alpn.certificate("a" * 50 + ".example", "x")
    huge = one[one.index(b"-----BEGIN CERTIFICATE-----"):] * 200  # 80 KiB on the wire
    cases = [("a certificate of another name", {"names": [name]}, {}, "incorrectResponse"),
             ("an extension that is not critical", {"critical": False}, {}, "incorrectResponse"),
             ("the extension of the drafts", {"oid": "1.3.6.1.5.5.7.1.30.1"}, {}, "incorrectResponse"),
             ("a certificate that somebody else signed", {"issuer": "CA"}, {}, "incorrectResponse"),
             ("T-TA-03 no protocol", {}, {"protocols": ()}, "tls"),
             ("T-TA-03 only another protocol", {}, {"protocols": ("http/1.1",)}, "tls"),
             ("T-TA-04 TLS 1.1", {}, {"version": ssl.TLSVersion.TLSv1_1}, "tls"),
             ("T-TA-07 certificates without end", {"more": huge}, {}, "tls")]
    flying = []
    for number, (what, shown, server, kind) in enumerate(cases, 10):
        attempt = Attempt(ca, port, number, **server)
        more = shown.pop("more", b"")
        attempt.show(**shown)
        attempt.server.answers[attempt.name] += more
        flying.append((what, kind, attempt.begin()))
    silent = Attempt(ca, port, 30)
    silent.server.close()
    flying.append(("nobody who listens", "connection", silent.begin()))
    for what, kind, attempt in flying:
        status = attempt.end()
        report.check(f"{what}: invalid, {kind}",
                     status == "invalid" and attempt.error.get("type", "").endswith(":" + kind),
                     f"{status} {attempt.error}")
        report.check(f"{what}: every attempt was made", len(attempt.server.hellos) in (0, 3)
                     if kind == "connection" else len(attempt.server.hellos) == 3,
                     str(attempt.server.hellos))


def names(ca, report):
    client = ca.client()
    client.register()

    def order(value):
        return client.post(client.directory["newOrder"],
                           {"identifiers": [{"type": "dns", "value": value}]})
    answer = order("bücher.chancery.example")
    report.check("NO-23 a name with U-labels is refused, and told its A-labels",
                 answer.problem == "malformed" and "xn--bcher-kva.chancery.example" in answer.detail,
                 repr(answer))
    answer = order("xn--n3h.chancery.example")
    report.check("NO-23 an A-label that IDNA2008 does not have is refused",
                 answer.problem == "malformed" and "xn--n3h" in answer.detail, repr(answer))
    report.check("NO-23 an A-label that it has is taken",
                 order("xn--bcher-kva.chancery.example").status == 201)
    profile = ca.home / "policy" / "profiles" / "web.yaml"
    text = profile.read_text()
    profile.write_text(text.replace('"chancery.example"', '"*.*.chancery.example"'))
    checked = ca.run("policy", "check", check=False)
    profile.write_text(text)
    report.check("a pattern that is no name is a mistake of the policy, with its place",
                 "web.yaml:" in checked and "is no pattern of names" in checked, checked)


def main():
    report = Report()
    port = free_port()
    with Installation(arguments=("--https-port", str(port)), workers=2) as ca:
        right(ca, port, report)
        upper_case(ca, port, report)
        openssl_serves(ca, port, report)
        names(ca, report)
        wrong(ca, port, report)
    report.end()


main()
