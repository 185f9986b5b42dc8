# SPDX-License-Identifier: Apache-2.0
"""Debian's certbot against an installed CA: http-01, dns-01 with a wildcard, renewal, revocation."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from foreign import Client, Installation, Report, SOURCE  # noqa: E402
import acme  # noqa: E402

HOOK = SOURCE / "deploy" / "lib" / "dns01-hook.sh"


class Certbot(Client):
    trusts = ("REQUESTS_CA_BUNDLE",)

    def certbot(self, *words):
        good = self.run("certbot", *words, "-n", "--config-dir", self.home, "--work-dir",
                        self.home / "work", "--logs-dir", self.home / "log",
                        env={"ZONES_DIR": str(self.ca.dir / "zones")})
        if not good:  # what the server answered is in the log alone
            log = (self.home / "log" / "letsencrypt.log").read_text().splitlines()
            self.said += "\n".join(log[-60:])
        return good

    def certonly(self, name, *words):
        return self.certbot("certonly", "--cert-name", name, "--server", self.ca.directory,
                            "--agree-tos", "--register-unsafely-without-email", *words)

    def by_http(self, name, *words):
        return self.certonly(name, "--preferred-challenges", "http", "--standalone",
                             "--http-01-address", "127.0.0.1", "--http-01-port",
                             str(self.ca.web.port), *words)

    def by_dns(self, name, *words):
        return self.certonly(name, "--preferred-challenges", "dns", "--manual", "--manual-auth-hook",
                             f"bash {HOOK} add", "--manual-cleanup-hook", f"bash {HOOK} del", *words)

    def certificate(self, name):
        return self.home / "live" / name / "fullchain.pem"

    def look_at_answers(self):
        """What it was answered stands in its logs: the request's line, then status, headers and body.
        How many it had, how many of them were understood."""
        line = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.1" \d+ .*\n[^\n]*Received response:\nHTTP (\d+)\n'
                          r'((?:[A-Za-z-]+: .*\n)*)\n((?:(?!\d{4}-\d\d-\d\d \d\d:).*\n)*)')
        had = understood = 0
        for log in sorted((self.home / "log").glob("letsencrypt.log*")):
            text = log.read_text()
            had += text.count("Received response:\n")
            for method, path, status, head, body in line.findall(text):
                understood += 1
                kind = re.search(r"^Content-Type: (.*)$", head, re.M)
                acme.WIRE.look(method, path, None, int(status), kind and kind.group(1), body.strip())
        return had, understood

    def check_unserved(self, what, good):
        """What this version answers with 501; when it is served, this skip must go."""
        said_so = not good and "does not serve this resource yet" in self.said
        self.check(f"{what}: is told that it is not served yet", said_so)
        print(f"ok {self.name} {what} # SKIP the server does not serve it yet")


def main():
    report = Report()
    with Installation() as ca:
        bot = Certbot(ca, report, "certbot")
        ca.web.close()  # certbot serves the challenges itself
        a, b, wild = "a.chancery.example", "b.chancery.example", "*.w.chancery.example"
        web = bot.certificate("web")
        bot.check("gets two names by http-01", bot.by_http("web", "-d", a, "-d", b))
        bot.check("has a certificate that verifies with both names", bot.verifies(web, a, b))
        bot.check("was asked by http-01", bot.probed(a, "http-01"))
        before = bot.serial(web)
        bot.check("renews it", bot.certbot("renew", "--cert-name", "web", "--force-renewal",
                                           "--no-random-sleep-on-renew"))
        bot.check("has a new serial afterwards", bot.serial(web) not in ("", before))
        bot.check("gets a wildcard and its base name by dns-01",
                  bot.by_dns("wild", "-d", wild, "-d", wild[2:]))
        bot.check("has a wildcard that verifies with both names",
                  bot.verifies(bot.certificate("wild"), wild, wild[2:]))
        bot.check("gets a certificate for an RSA key", bot.by_http("rsa", "--key-type", "rsa", "-d", a)
                  and bot.key_type(bot.certificate("rsa")) == "RSA 2048")
        bot.check("is refused a name outside the policy, by name",
                  not bot.by_http("other", "-d", "www.elsewhere.test") and "elsewhere" in bot.said)
        bot.check_unserved("revokes a certificate", bot.certbot(
            "revoke", "--cert-name", "rsa", "--no-delete-after-revoke", "--server", ca.directory,
            "--reason", "superseded"))
        bot.check_unserved("deactivates its account", bot.certbot("unregister", "--server", ca.directory))
        had, understood = bot.look_at_answers()
        report.check("certbot's log shows every answer", had == understood > 0, f"{understood} of {had}")
        report.count(acme.WIRE.report())
    report.end()


main()
