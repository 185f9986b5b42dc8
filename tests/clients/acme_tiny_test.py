# SPDX-License-Identifier: Apache-2.0
"""Debian's acme-tiny: RSA account, http-01 by files of a web server, issue and issue again."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from foreign import Client, Installation, Report, Webroot  # noqa: E402


class AcmeTiny(Client):
    trusts = ("SSL_CERT_FILE",)

    def request(self, *names):
        """A key and a certificate request for it."""
        self.run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "web.key", "-subj", "/",
                 "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names), "-out", "web.csr")

    def issue(self, webroot, *words):
        """The chain is all that it prints on standard output; its own words go to said."""
        done = self.run("sh", "-c", 'out=$1; shift; exec acme-tiny "$@" >"$out"', "sh", "web.pem",
                        "--account-key", "account.key", "--csr", "web.csr", "--acme-dir",
                        webroot.challenges, "--directory-url", self.ca.directory, "--disable-check", *words)
        return done

    @property
    def certificate(self):
        return self.home / "web.pem"


def main():
    report = Report()
    with Installation() as ca:
        tiny, webroot = AcmeTiny(ca, report, "acme-tiny"), Webroot(ca)
        a, b = "a.chancery.example", "b.chancery.example"
        tiny.run("openssl", "genrsa", "-out", "account.key", "4096")
        tiny.request(a, b)
        tiny.check("gets two names by http-01", tiny.issue(webroot, "--contact", "mailto:t@chancery.example"))
        tiny.check("has a certificate that verifies with both names", tiny.verifies(tiny.certificate, a, b))
        tiny.check("was asked by http-01", tiny.probed(b, "http-01"))
        before = tiny.serial(tiny.certificate)
        tiny.check("renews it with its account", tiny.issue(webroot))
        tiny.check("has a new serial afterwards", tiny.serial(tiny.certificate) not in ("", before)
                   and tiny.verifies(tiny.certificate, a, b))
        tiny.check("used one account", ca.sql("SELECT count(*) FROM accounts")[0][0] == "1")
        tiny.request("www.elsewhere.test")
        tiny.check("is refused a name outside the policy, by name",
                   not tiny.issue(webroot) and "rejectedIdentifier" in tiny.said and "elsewhere" in tiny.said)
        webroot.close()
    report.end()


main()
