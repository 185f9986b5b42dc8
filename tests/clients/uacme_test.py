# SPDX-License-Identifier: Apache-2.0
"""Debian's uacme: two names, addresses, EC and RSA keys, http-01 and dns-01 by a hook, renewal, refusal.

uacme has no option for trusted roots: it runs where the system's bundle is our root."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from foreign import Addresses, Client, Report, SOURCE, Webroot, executable  # noqa: E402

HOOK = """#!/bin/bash
# uacme's hook: METHOD TYPE IDENTIFIER TOKEN TEXT; it goes on to the next type where this says 1.
set -eu
. "$ZONES_SH"
[ "$2" = "$WANTED" ] || exit 1
case $1-$2 in
begin-http-01) printf %s "$5" >"$CHALLENGES/$4" ;;
done-http-01 | failed-http-01) rm -f "$CHALLENGES/$4" ;;
begin-dns-01) zones_update ADD "_acme-challenge.$3." TXT "$5" ;;
done-dns-01 | failed-dns-01) zones_update DEL "_acme-challenge.$3." TXT "$5" ;;
*) exit 1 ;;
esac
"""


class Uacme(Client):
    def __init__(self, ca, report, webroot):
        super().__init__(ca, report, "uacme")
        self.hook = executable(self.home / "hook.sh", HOOK)
        self.env.update(ZONES_SH=str(SOURCE / "deploy" / "lib" / "zones.sh"),
                        ZONES_DIR=str(ca.dir / "zones"), CHALLENGES=str(webroot.challenges))

    def uacme(self, *words, **options):
        return self.run("uacme", "-v", "-c", self.home, "-a", self.ca.directory, *words, bundle=True,
                        **options)

    def issue(self, *words, method="http-01", kind="EC"):
        return self.uacme("-t", kind, "-h", self.hook, "issue", *words, env={"WANTED": method})

    def certificate(self, name):
        return self.home / name / "cert.pem"


def main():
    report = Report()
    with Addresses() as ca:
        webroot = Webroot(ca)
        client = Uacme(ca, report, webroot)
        a, b, wild = "a.chancery.example", "b.chancery.example", "*.w.chancery.example"
        client.check("makes an account with an EC key",
                     client.uacme("-t", "EC", "-y", "new", "uacme@chancery.example"))
        client.check("gets two names by http-01, EC", client.issue(a, b))
        client.check("has an EC certificate that verifies with both names",
                     client.verifies(client.certificate(a), a, b)
                     and client.key_type(client.certificate(a)) == "P-256")
        client.check("was asked by http-01", client.probed(a, "http-01"))
        before = client.serial(client.certificate(a))
        client.check("leaves it alone while it is young",
                     not client.issue(a, b) and client.serial(client.certificate(a)) == before)
        client.check("renews it when told", client.uacme("-f", "-t", "EC", "-h", client.hook, "issue", a, b,
                                                         env={"WANTED": "http-01"}))
        client.check("has a new serial afterwards",
                     client.serial(client.certificate(a)) not in ("", before))
        client.check("gets a wildcard by dns-01", client.issue(wild, method="dns-01"))
        client.check("has a wildcard that verifies", client.verifies(client.certificate(wild[2:]), wild))
        client.check("gets a certificate for an RSA key", client.issue("r.chancery.example", kind="RSA")
                     and client.key_type(client.certificate("r.chancery.example")) == "RSA 2048")
        for addresses in (["127.0.0.1"], ["c.chancery.example", "127.0.0.1"]):
            client.check(f"gets a certificate for {' and '.join(addresses)} by http-01, EC",
                         client.issue(*addresses)
                         and client.verifies(client.certificate(addresses[0]), *addresses))
        client.check("is refused an address outside the policy, by name",
                     not client.issue("127.0.0.99") and "rejectedIdentifier" in client.said
                     and "127.0.0.99" in client.said)
        client.check("is refused a name outside the policy, by name",
                     not client.issue("www.elsewhere.test")
                     and "rejectedIdentifier" in client.said and "elsewhere" in client.said)
        webroot.close()
    report.end()


main()
