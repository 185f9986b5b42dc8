# SPDX-License-Identifier: Apache-2.0
"""Debian's lego: http-01, tls-alpn-01, dns-01 by RFC 2136 with a wildcard, renewal with the same key,
refusal."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from foreign import Client, Installation, Report, free_port  # noqa: E402


class Lego(Client):
    trusts = ("LEGO_CA_CERTIFICATES",)

    def lego(self, action, *words, **options):
        return self.run("lego", "--server", self.ca.directory, "--path", self.home / "lego",
                        "--email", "lego@chancery.example", "--accept-tos", *words, *action, **options)

    def by_http(self, action, *words):
        return self.lego(action, "--http", "--http.port", f"127.0.0.1:{self.ca.web.port}", *words)

    def by_tls(self, action, port, *words):
        return self.lego(action, "--tls", "--tls.port", f"127.0.0.1:{port}", *words)

    def by_dns(self, action, *words):
        server = f"127.0.0.1:{self.ca.zones_port}"
        secret = (self.ca.dir / "zones" / "tsig.secret").read_text().strip()
        return self.lego(action, "--dns", "rfc2136", "--dns.disable-cp", "--dns.resolvers", server, *words,
                         env={"RFC2136_NAMESERVER": server, "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
                              "RFC2136_TSIG_KEY": "update", "RFC2136_TSIG_SECRET": secret,
                              "RFC2136_PROPAGATION_TIMEOUT": "1", "RFC2136_POLLING_INTERVAL": "1"})

    def certificate(self, name):
        return self.home / "lego" / "certificates" / f"{name}.crt"


def main():
    report = Report()
    tls_port = free_port()
    with Installation(arguments=("--https-port", str(tls_port))) as ca:
        lego = Lego(ca, report, "lego")
        ca.web.close()  # lego serves the challenges itself
        a, b, wild = "a.chancery.example", "b.chancery.example", "*.w.chancery.example"
        web, dns = lego.certificate(a), lego.certificate("_.w.chancery.example")
        lego.check("gets two names by http-01", lego.by_http(["run"], "-d", a, "-d", b))
        lego.check("has a certificate that verifies with both names", lego.verifies(web, a, b))
        lego.check("was asked by http-01", lego.probed(a, "http-01"))
        tls = "t.chancery.example"
        lego.check("gets a name by tls-alpn-01", lego.by_tls(["run"], tls_port, "-d", tls)
                   and lego.verifies(lego.certificate(tls), tls))
        lego.check("was asked by tls-alpn-01", lego.probed(tls, "tls-alpn-01"))
        before = lego.serial(web)
        lego.check("renews it", lego.by_http(["renew", "--days", "9999", "--reuse-key", "--no-random-sleep"],
                                             "-d", a, "-d", b))
        lego.check("has a new serial afterwards", lego.serial(web) not in ("", before))
        lego.check("gets a wildcard and its base name by dns-01",
                   lego.by_dns(["run"], "-d", wild, "-d", wild[2:]))
        lego.check("has a wildcard that verifies with both names", lego.verifies(dns, wild, wild[2:]))
        before = lego.serial(dns)
        lego.check("renews the wildcard", lego.by_dns(["renew", "--days", "9999", "--no-random-sleep"],
                                                      "-d", wild, "-d", wild[2:]))
        lego.check("has a new wildcard afterwards", lego.serial(dns) not in ("", before))
        for kind, found in (("ec384", "P-384"), ("rsa2048", "RSA 2048"), ("rsa4096", "RSA 4096")):
            name = f"{kind}.chancery.example"
            lego.check(f"gets a certificate for a key of type {kind}",
                       lego.by_http(["run"], "--key-type", kind, "-d", name)
                       and lego.verifies(lego.certificate(name), name)
                       and lego.key_type(lego.certificate(name)) == found)
        lego.check("is told that the address it orders as a name is none",
                   not lego.by_http(["run"], "-d", "127.0.0.1")
                   and "it is an IP address, not a domain name" in lego.said)
        lego.check("is refused a name outside the policy, by name",
                   not lego.by_http(["run"], "-d", "www.elsewhere.test")
                   and "rejectedIdentifier" in lego.said and "elsewhere" in lego.said)
    report.end()


main()
