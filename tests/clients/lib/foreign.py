# SPDX-License-Identifier: Apache-2.0
"""Somebody else's ACME client against an installed CA: how it is run, and what its certificate is worth.

The client's programs and Debian's libraries stay as they are; trust in the CA's root is given by an
environment variable, or by a namespace in which the system's bundle is the root alone."""
import functools
import http.server
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading

SOURCE = pathlib.Path(os.environ["CHY_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "e2e" / "lib"))
from installation import Installation, Report, free_port  # noqa: E402,F401

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Client:
    """One client with a directory of its own."""

    trusts = ()  # environment variables that name a file of trusted roots

    def __init__(self, ca, report, name):
        self.ca, self.report, self.name, self.said = ca, report, name, ""
        self.home = ca.dir / name
        self.home.mkdir()
        self.env = dict(os.environ, HOME=str(self.home), LC_ALL="C",
                        **{variable: str(ca.root) for variable in self.trusts})

    def run(self, *words, env=None, bundle=False):
        """True if it ends with 0; what it printed is in said.  bundle: the system's bundle of roots is
        our root, for this program alone."""
        command = [str(w) for w in words]
        if bundle:
            here = f"mount --bind {shlex.quote(str(self.ca.root))} {BUNDLE} && exec " + shlex.join(command)
            unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
            command = [*unshare, "sh", "-c", here]
        done = subprocess.run(command, env=dict(self.env, **(env or {})), text=True, timeout=120,
                              cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.said = done.stdout
        return done.returncode == 0

    def check(self, what, good):
        self.report.check(f"{self.name} {what}", good)
        if not good:
            print("\n".join(f"# {line}" for line in self.said.splitlines()[-40:]), flush=True)

    # ---- the certificate ----

    def openssl(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.said = done.stdout
        return done.stdout if done.returncode == 0 else ""

    def names(self, certificate):
        text = self.openssl("x509", "-noout", "-ext", "subjectAltName", "-in", certificate)
        return set(re.findall(r"(?:DNS|IP Address):([^,\s]+)", text))

    def verifies(self, certificate, *expected, chain=None):
        """It leads to the root and has exactly these names.  chain: a file with the issuers; None if
        the certificate's own file has them."""
        return (self.openssl("verify", "-CAfile", self.ca.root, "-untrusted", chain or certificate,
                             certificate) != "" and self.names(certificate) == set(expected))

    def serial(self, certificate):
        return self.openssl("x509", "-noout", "-serial", "-in", certificate)

    def key_type(self, certificate):
        text = self.openssl("x509", "-noout", "-text", "-in", certificate)
        curve = re.search(r"NIST CURVE: (\S+)", text)
        size = re.search(r"Public-Key: \((\d+) bit\)", text)
        return curve[1] if curve else f"RSA {size[1]}" if size else ""

    # ---- the server's side of it ----

    def probed(self, name, method):
        """Has the CA proved this name by this method, in this test?"""
        rows = self.ca.sql("SELECT count(*) FROM authorizations WHERE status = 'valid' AND "
                           f"ident_value = '{name}' AND method = '{method}'")
        return int(rows[0][0]) > 0


class Addresses(Installation):
    """Its default profile has loopback addresses beside names: not every client can name a profile."""

    def __init__(self, **options):
        super().__init__(load=("dns", "ip"), **options)

    def init(self):
        super().init()
        profile = self.home / "policy" / "profiles" / "web.yaml"
        text = profile.read_text()
        changed = text.replace("identifiers:\n", 'identifiers:\n  ip: { ranges: ["127.0.0.0/29"] }\n', 1)
        assert changed != text, text
        profile.write_text(changed)


class Webroot:
    """Files of a directory over HTTP at the port where http-01 asks; the client writes them."""

    def __init__(self, ca):
        self.port = ca.web.port
        ca.web.close()
        self.dir = ca.dir / "webroot"
        (self.dir / ".well-known" / "acme-challenge").mkdir(parents=True)
        handler = functools.partial(QuietHandler, directory=str(self.dir))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def challenges(self):
        return self.dir / ".well-known" / "acme-challenge"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def executable(path, text):
    """A hook of the client: text into path."""
    path.write_text(text)
    path.chmod(0o755)
    return path
