# SPDX-License-Identifier: Apache-2.0
"""Debian's dehydrated: http-01 by files of a web server, dns-01 by a hook with a wildcard, renewal."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from foreign import Client, Installation, Report, SOURCE, Webroot, executable  # noqa: E402

HOOK = """#!/bin/bash
# deploy_challenge NAME TOKEN TEXT..., clean_challenge the same: the TXT record of dns-01.
set -eu
. "$ZONES_SH"
case $1 in
deploy_challenge) zones_update ADD "_acme-challenge.$2." TXT "$4" ;;
clean_challenge) zones_update DEL "_acme-challenge.$2." TXT "$4" ;;
esac
"""


class Dehydrated(Client):
    def __init__(self, ca, report, webroot):
        super().__init__(ca, report, "dehydrated")
        self.hook = executable(self.home / "hook.sh", HOOK)
        self.env.update(ZONES_SH=str(SOURCE / "deploy" / "lib" / "zones.sh"),
                        ZONES_DIR=str(ca.dir / "zones"))
        (self.home / "config").write_text(
            f'CA="{ca.directory}"\nBASEDIR="{self.home}"\nWELLKNOWN="{webroot.challenges}"\n'
            f'CURL_OPTS="--cacert {ca.root}"\nCONTACT_EMAIL="dehydrated@chancery.example"\n')

    def dehydrated(self, *words):
        return self.run("dehydrated", "--config", self.home / "config", *words)

    def by_dns(self, *words):
        return self.dehydrated("--cron", "--challenge", "dns-01", "--hook", self.hook, *words)

    def directory(self, name):
        return self.home / "certs" / name


def main():
    report = Report()
    with Installation() as ca:
        webroot = Webroot(ca)
        client = Dehydrated(ca, report, webroot)
        a, b, wild = "a.chancery.example", "b.chancery.example", "*.w.chancery.example"
        web, dns = client.directory(a) / "fullchain.pem", client.directory("wild") / "fullchain.pem"
        client.check("makes an account", client.dehydrated("--register", "--accept-terms"))
        client.check("gets two names by http-01", client.dehydrated("--cron", "-d", f"{a} {b}"))
        client.check("has a certificate that verifies with both names", client.verifies(web, a, b))
        client.check("was asked by http-01", client.probed(a, "http-01"))
        before = client.serial(web)
        client.check("leaves it alone while it is young", client.dehydrated("--cron", "-d", f"{a} {b}")
                     and client.serial(web) == before)
        client.check("renews it when told", client.dehydrated("--cron", "--force", "-d", f"{a} {b}"))
        client.check("has a new serial afterwards", client.serial(web) not in ("", before))
        client.check("gets a wildcard and its base name by dns-01",
                     client.by_dns("--alias", "wild", "-d", f"{wild} {wild[2:]}"))
        client.check("has a wildcard that verifies with both names", client.verifies(dns, wild, wild[2:]))
        client.check("was asked by dns-01", client.probed(wild[2:], "dns-01"))
        for kind, found in (("rsa", "RSA 4096"), ("secp384r1", "P-384")):
            name = f"{kind}.chancery.example"
            client.check(f"gets a certificate for a key of type {kind}",
                         client.dehydrated("--cron", "--algo", kind, "-d", name)
                         and client.key_type(client.directory(name) / "fullchain.pem") == found)
        client.check("is refused a name outside the policy, by name",
                     not client.dehydrated("--cron", "-d", "www.elsewhere.test")
                     and "rejectedIdentifier" in client.said and "elsewhere" in client.said)
        webroot.close()
    report.end()


main()
