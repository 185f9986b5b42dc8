# SPDX-License-Identifier: Apache-2.0
"""chancery request against somebody else's server, Debian's pebble: terms of service, external
accounts, every challenge, every fourth nonce refused; on a machine without an installation."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["CHY_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "e2e" / "lib"))
from installation import PREFIX, Report, free_port, wait_for  # noqa: E402

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class Pebble:
    def __init__(self, home, zones_port, eab=False):
        self.dir = home / ("pebble-eab" if eab else "pebble")
        self.dir.mkdir()
        self.port, self.http, self.tls = free_port(), free_port(), free_port()
        self.root = self.dir / "tls.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-days", "3", "-keyout",
                        self.dir / "tls.key", "-out", self.root], check=True,
                       stderr=subprocess.DEVNULL)
        config = {"listenAddress": f"127.0.0.1:{self.port}",
                  "managementListenAddress": f"127.0.0.1:{free_port()}",
                  "certificate": str(self.root), "privateKey": str(self.dir / "tls.key"),
                  "httpPort": self.http, "tlsPort": self.tls, "ocspResponderURL": "",
                  "externalAccountBindingRequired": eab, "domainBlocklist": ["blocked-domain.example"]}
        if eab:
            config["externalAccountMACKeys"] = {"kid-1": EAB_KEY}
        (self.dir / "config.json").write_text(json.dumps({"pebble": config}))
        env = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="25",
                   PEBBLE_AUTHZREUSE="0")
        self.log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(
            ["pebble", "-config", self.dir / "config.json", "-dnsserver", f"127.0.0.1:{zones_port}"],
            env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for("pebble", lambda: subprocess.run(
            ["curl", "-s", "--cacert", self.root, "-o", "/dev/null", self.directory]).returncode == 0)

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def refuses_nonces(self):
        return "Configured to reject 25% of good nonces" in (self.dir / "log").read_text()


class World:
    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pebble.", dir=os.environ.get("TMPDIR")))
        self.home.chmod(0o755)
        self.env = dict(os.environ, HOME=str(self.home), ZONES_DIR=str(self.home / "zones"))
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "CHY_CLOCK_FILE"):
            self.env.pop(name, None)
        self.zones_port = self.zones(f"zones_start '{self.home}/zones' 0 >/dev/null; echo $ZONES_PORT").strip()
        self.out = self.err = ""

    def zones(self, command):
        return subprocess.run(["bash", "-euc", f". '{SOURCE}/deploy/lib/zones.sh'; {command}"],
                              env=self.env, check=True, text=True, stdout=subprocess.PIPE).stdout

    def request(self, pebble, *words):
        done = subprocess.run(
            [str(PREFIX / "bin" / "chancery"), "request", "--server", pebble.directory, "--ca-file",
             str(pebble.root), "--modules-dir", str(next(PREFIX.glob("lib/**/chancery/modules"))),
             *map(str, words)], env=self.env, text=True, cwd=self.home, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = done.stdout, done.stderr
        return done.returncode

    def names(self, prefix):
        text = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
                               self.home / f"{prefix}.pem"], text=True, stdout=subprocess.PIPE).stdout
        return {w[4:] for w in text.replace(",", " ").split() if w.startswith("DNS:")}

    def close(self):
        self.zones("zones_stop")
        shutil.rmtree(self.home, ignore_errors=True)


def journeys(w, pebble, check):
    http, tls = ("--http-port", pebble.http), ("--tls-port", pebble.tls)
    dns = ("--dns-server", f"127.0.0.1@{w.zones_port}", "--dns-key", w.home / "zones" / "tsig.key")
    check("without agreeing to its terms there is no account, and the terms are named",
          w.request(pebble, "-d", "a.chancery.example", *http) == 1 and
          "agree to its terms of service, " in w.err and "--agree" in w.err)
    check("http-01 proves two names to it",
          w.request(pebble, "-d", "a.chancery.example", "-d", "b.chancery.example", "--agree", *http) == 0
          and w.names("a.chancery.example") == {"a.chancery.example", "b.chancery.example"})
    check("tls-alpn-01 proves two names to it",
          w.request(pebble, "-d", "c.chancery.example", "-d", "d.chancery.example", *tls) == 0
          and w.names("c.chancery.example") == {"c.chancery.example", "d.chancery.example"})
    check("dns-01 proves a wildcard to it",
          w.request(pebble, "-d", "*.e.chancery.example", "-d", "e.chancery.example", *dns) == 0
          and w.names("wildcard.e.chancery.example") == {"*.e.chancery.example", "e.chancery.example"})
    check("two ways at once serve what each can: a wildcard by dns-01, a name by http-01",
          w.request(pebble, "-d", "*.f.chancery.example", "-d", "g.chancery.example", *http, *dns,
                    "--key-type", "rsa-2048", "--out", "both") == 0
          and w.names("both") == {"*.f.chancery.example", "g.chancery.example"})
    check("renewal asks the same server the same", w.request(pebble, "--renew", "both", "--force") == 0)
    check("all this while every fourth nonce was refused", pebble.refuses_nonces())
    check("a proof in the wrong place is refused in pebble's words",
          w.request(pebble, "-d", "h.chancery.example", "--http-port", free_port(), "--wait", "60") == 1 and
          "the server did not accept the proof" in w.err and
          "urn:ietf:params:acme:error:connection" in w.err and "What may help" in w.err)
    check("a name that pebble refuses is refused in its words",
          w.request(pebble, "-d", "blocked-domain.example", *http) == 1 and
          "urn:ietf:params:acme:error:rejectedIdentifier" in w.err)


def external(w, pebble, check):
    key = w.home / "eab"
    key.write_text(EAB_KEY + "\n")
    words = ("-d", "x.chancery.example", "--agree", "--http-port", pebble.http, "--out", "eab-cert")
    check("a server that wants external accounts says so, and how to give one",
          w.request(pebble, *words) == 1 and "--eab-kid and --eab-key" in w.err)
    check("a key id that it does not know is refused",
          w.request(pebble, *words, "--eab-kid", "kid-9", "--eab-key", key) == 1 and
          "new-account: the server refuses" in w.err)
    check("the right one gets a certificate",
          w.request(pebble, *words, "--eab-kid", "kid-1", "--eab-key", key) == 0)


def main():
    if shutil.which("pebble") is None:
        print("ok chancery request against pebble # SKIP pebble is not installed")
        return
    report = Report()
    w = World()
    pebbles = []
    try:
        def check(what, good):
            if not report.check(what, good):
                print(w.out + w.err)

        pebbles.append(Pebble(w.home, w.zones_port))
        journeys(w, pebbles[0], check)
        pebbles.append(Pebble(w.home, w.zones_port, eab=True))
        external(w, pebbles[1], check)
    finally:
        for pebble in pebbles:
            pebble.stop()
        w.close()
    report.end()


main()
