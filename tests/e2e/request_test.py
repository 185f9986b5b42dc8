# SPDX-License-Identifier: Apache-2.0
"""chancery request against an installed CA: each way to prove a name, a wildcard, renewal, and what is
refused, with the words that say so."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import time

SOURCE = pathlib.Path(os.environ["CHY_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "e2e" / "lib"))
from installation import PREFIX, Installation, Report, free_port, wait_for  # noqa: E402


class Requester:
    """chancery request as a user whose home is a directory of its own."""

    def __init__(self, ca):
        self.ca, self.home = ca, ca.dir / "home"
        self.home.mkdir()
        self.env = dict(ca.env, HOME=str(self.home))
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            self.env.pop(name, None)
        self.out = self.err = ""

    def run(self, *words, node=True, cwd=None):
        words = [str(w) for w in words]
        if node:
            words += ["--node", str(self.ca.node)]
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), "request", *words], env=self.env,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=cwd or self.home, timeout=120)
        self.out, self.err = done.stdout, done.stderr
        return done.returncode

    def path(self, name):
        return self.home / name

    def cert(self, prefix, *words):
        done = subprocess.run(["openssl", "x509", "-noout", *words, "-in", f"{self.path(prefix)}.pem"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout

    def names(self, prefix):
        text = self.cert(prefix, "-ext", "subjectAltName")
        return {w[4:] for w in text.replace(",", " ").split() if w.startswith("DNS:")}

    def serial(self, prefix):
        return self.cert(prefix, "-serial")

    def verifies(self, prefix):
        """To the root, through what the file holds; and the key beside it is its own and secret."""
        pem, key = self.path(f"{prefix}.pem"), self.path(f"{prefix}.key")
        chain = subprocess.run(["openssl", "verify", "-attime", str(int(time.time()) + self.ca.offset),
                                "-CAfile", str(self.ca.root), "-untrusted", pem, pem],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], text=True,
                                stdout=subprocess.PIPE).stdout
        return (chain.returncode == 0 and public == self.cert(prefix, "-pubkey") and
                stat.S_IMODE(key.stat().st_mode) == 0o600)


def key_kind(r, prefix):
    text = subprocess.run(["openssl", "pkey", "-in", f"{r.path(prefix)}.key", "-noout", "-text"],
                          text=True, stdout=subprocess.PIPE).stdout
    return text.splitlines()[0]


def by_http(r, check):
    """The web server of the installation lets go of the port that the CA looks at."""
    ca = r.ca
    check("without options a name is proved by a web server of the command's own",
          r.run("-d", "a.chancery.example") == 0 and r.verifies("a.chancery.example"))
    check("it says where the files are and how to renew",
          "Certificate a.chancery.example.pem" in r.out and
          "chancery request --renew a.chancery.example" in r.out)
    check("two names are one certificate, and the key is of the kind asked for",
          r.run("-d", "b.chancery.example", "-d", "c.chancery.example", "--key-type", "rsa-2048",
                "--out", "two") == 0 and r.verifies("two") and
          r.names("two") == {"b.chancery.example", "c.chancery.example"} and
          "2048" in key_kind(r, "two"))
    keys = list((r.home / ".config/chancery-accounts").glob("*.key"))
    check("one account was made, its key readable by its owner only",
          len(keys) == 1 and stat.S_IMODE(keys[0].stat().st_mode) == 0o600)
    check("both orders are the same account's",
          ca.sql("SELECT count(*) FROM accounts") == [["1"]])
    check("a profile is asked for by its name",
          r.run("-d", "s.chancery.example", "--profile", "short-lived", "--out", "short") == 0 and
          r.verifies("short"))
    check("JSON says the same", r.run("-d", "a.chancery.example", "--json") == 0 and
          json.loads(r.out)["issued"] is True and
          json.loads(r.out)["identifiers"] == [{"type": "dns", "value": "a.chancery.example"}])


def by_address(r, check):
    """An identifier of another module, proved by the same solver."""
    check("an address is certified too, by the name that its module gives the option",
          r.run("--address", "127.0.0.1", "--profile", "loop", "--out", "address") == 0 and r.verifies("address") and
          "IP Address:127.0.0.1" in r.cert("address", "-ext", "subjectAltName"))
    check("and an identifier of any type by its type and value",
          r.run("--identifier", "ip:127.0.0.1", "--identifier", "dns:a.chancery.example",
                "--profile", "loop", "--out", "mixed") == 0 and r.verifies("mixed") and r.names("mixed") == {"a.chancery.example"})


def by_tls(r, check):
    check("tls-alpn-01 proves a name by a TLS server of the command's own",
          r.run("-d", "t.chancery.example", "--tls-port", r.tls_port, "--out", "tls") == 0 and
          r.verifies("tls") and "tls-alpn-01" in str(r.ca.sql(
              "SELECT grant_facts FROM authorizations WHERE grant_facts::text LIKE '%tls-alpn-01%'")))


def by_webroot(r, check):
    root = r.path("www")
    root.mkdir()
    server = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                               root, str(r.http_port)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        subprocess.run(["curl", "-s", "--retry", "40", "--retry-connrefused", "--retry-delay", "1", "-o",
                        "/dev/null", f"http://127.0.0.1:{r.http_port}/"], check=True)
        check("a port that is taken is said, with another way",
              r.run("-d", "w.chancery.example") == 1 and
              f"port {r.http_port} is in use by another program" in r.err and "--webroot" in r.err)
        check("files below a web server's root prove a name",
              r.run("-d", "w.chancery.example", "--webroot", root, "--out", "web") == 0 and
              r.verifies("web"))
        check("nothing is left below the root", list(root.iterdir()) == [])
        check("a root that is not there is said",
              r.run("-d", "w2.chancery.example", "--webroot", root / "none", "--out", "web2") == 1 and
              "is no directory that can be entered" in r.err)
    finally:
        server.terminate()
        server.wait()


def records(ca, name):
    return ca.zones(f"kdig @127.0.0.1 -p {ca.zones_port} +short +tcp _acme-challenge.{name} TXT").split()


def by_dns(r, check):
    ca, zones = r.ca, r.ca.dir / "zones"
    server = f"127.0.0.1@{ca.zones_port}"
    check("a wildcard is not proved by a web server, and what would is said",
          r.run("-d", "*.x.chancery.example") == 1 and
          "*.x.chancery.example: the server takes dns-01, which nothing answers" in r.err and
          "give --dns-server ADDRESS[@PORT] or --dns-exec PROGRAM" in r.err)
    for form in ("tsig.key", "tsig.knot"):
        check(f"dynamic updates with the key of {form} prove a wildcard and its base",
              r.run("-d", "*.d.chancery.example", "-d", "d.chancery.example", "--dns-server", server,
                    "--dns-key", zones / form) == 0 and
              r.verifies("wildcard.d.chancery.example") and
              r.names("wildcard.d.chancery.example") == {"*.d.chancery.example", "d.chancery.example"})
    check("no record is left", records(ca, "d.chancery.example") == [])
    wrong = r.path("wrong.key")
    wrong.write_text("hmac-sha256:update:" + "A" * 43 + "=\n")
    wrong.chmod(0o600)
    check("a key that the name server does not know is said",
          r.run("-d", "e.chancery.example", "--dns-server", server, "--dns-key", wrong) == 1 and
          "the update of _acme-challenge.e.chancery.example is not signed with the key" in r.err)
    wrong.chmod(0o644)
    check("a key that everybody may read is refused",
          r.run("-d", "e.chancery.example", "--dns-server", server, "--dns-key", wrong) == 1 and
          "everybody may read this key" in r.err)
    check("a server without a key is half a way",
          r.run("-d", "e.chancery.example", "--dns-server", server) == 1 and
          "--dns-key is needed beside --dns-server" in r.err)
    check("a name of no zone of that server is said",
          r.run("-d", "www.elsewhere.test", "--dns-server", server, "--dns-key", zones / "tsig.key") == 1)
    by_program(r, check)


def by_program(r, check):
    hook = r.path("hook")
    hook.write_text(f"""#!/bin/bash
set -eu
. '{SOURCE}/deploy/lib/zones.sh'
export ZONES_DIR='{r.ca.dir}/zones'
name=${{2%.chancery.example}}
echo "$1 $2" >>'{r.path("hook.log")}'
case $1 in
add) zones_update ADD "$name" TXT "$3" ;;
remove) zones_update DEL "$name" TXT "$3" ;;
esac
""")
    hook.chmod(0o755)
    check("a program of one's own proves a wildcard",
          r.run("-d", "*.p.chancery.example", "--dns-exec", "./hook", "--out", "program") == 0 and
          r.verifies("program") and r.names("program") == {"*.p.chancery.example"})
    check("it was called to add and to remove",
          r.path("hook.log").read_text().split("\n")[:2] ==
          ["add _acme-challenge.p.chancery.example", "remove _acme-challenge.p.chancery.example"])
    failing = r.path("failing")
    failing.write_text("#!/bin/sh\nexit 3\n")
    failing.chmod(0o755)
    check("a program that fails is said with its exit code",
          r.run("-d", "*.q.chancery.example", "--dns-exec", "./failing") == 1 and
          "./failing add _acme-challenge.q.chancery.example: failed (exit code 3)" in r.err)
    liar = r.path("liar")
    liar.write_text("#!/bin/sh\nexit 0\n")
    liar.chmod(0o755)
    check("a proof that is not there is refused in the server's words",
          r.run("-d", "*.q.chancery.example", "--dns-exec", "./liar", "--out", "never") == 1 and
          "the server did not accept the proof for 1 of 1" in r.err and
          "  q.chancery.example: urn:ietf:params:acme:error:" in r.err and
          not r.path("never.pem").exists())


def interrupted(r, check):
    """SIGTERM while the server decides: what was made ready is taken away, the exit code is 1."""
    hook, log = r.path("slow"), r.path("slow.log")
    hook.write_text(f"#!/bin/sh\necho \"$1\" >>'{log}'\n")
    hook.chmod(0o755)
    process = subprocess.Popen([str(PREFIX / "bin" / "chancery"), "request", "-d", "*.i.chancery.example",
                                "--dns-exec", "./slow", "--node", str(r.ca.node)], env=r.env, text=True,
                               cwd=r.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    wait_for("the hook", lambda: log.exists() and log.read_text() == "add\n")
    time.sleep(0.5)
    process.terminate()
    r.out, r.err = process.communicate(timeout=20)
    check("an interrupted request takes away what it made ready",
          process.returncode == 1 and "interrupted" in r.err and log.read_text() == "add\nremove\n")


def renewal(r, check):
    node = r.ca.node
    before = r.serial("a.chancery.example")
    check("what is not due is left alone",
          r.run("--renew", "a.chancery.example") == 0 and "Not due" in r.out and
          r.serial("a.chancery.example") == before)
    check("--force renews it", r.run("--renew", "a.chancery.example", "--force") == 0 and
          r.serial("a.chancery.example") != before and r.verifies("a.chancery.example"))
    forced, key = r.serial("a.chancery.example"), r.path("a.chancery.example.key").read_bytes()
    check("--days counts days that are left",
          r.run("--renew", "a.chancery.example", "--days", "89") == 0 and "Not due" in r.out and
          r.run("--renew", "a.chancery.example", "--days", "90") == 0 and "Issued" in r.out)
    check("a renewed certificate has a key of its own",
          r.path("a.chancery.example.key").read_bytes() != key and
          r.serial("a.chancery.example") != forced)
    check("the installation is remembered too, and with it the port",
          r.run("--renew", "a.chancery.example", "--force", node=False) == 0 and "Issued" in r.out)
    wild = r.serial("wildcard.d.chancery.example")
    check("the way to prove is remembered, from any directory",
          r.run("--renew", r.path("wildcard.d.chancery.example"), "--force", cwd="/") == 0 and
          r.serial("wildcard.d.chancery.example") != wild)
    check("no secret is in the record",
          not any(word in r.path("wildcard.d.chancery.example.json").read_text()
                  for word in (r.ca.dir.joinpath("zones/tsig.secret").read_text().strip(), "PRIVATE")))
    r.ca.advance(61 * 86400)
    check("with less than a third of its life left it is due",
          r.run("--renew", "a.chancery.example") == 0 and "Issued" in r.out)
    check("a failed renewal leaves certificate and key as they are", failed_renewal(r))
    check("a crash between the two files is finished by the next run", crash(r))
    check("nothing recorded is said", r.run("--renew", "nothing") == 1 and
          "nothing.json: No such file or directory; it is written when" in r.err)
    r.path("broken.json").write_text("{")
    check("a broken record is said", r.run("--renew", "broken") == 1 and
          "request the certificate anew" in r.err)
    check("a record that others may write is not obeyed", foreign_record(r))
    check("a certificate that cannot be read is replaced", damaged(r))
    assert node.exists()


def foreign_record(r):
    """It says which program proves: whoever writes it would run as whoever renews."""
    record = r.path("two.json")
    mode = record.stat().st_mode & 0o777
    record.chmod(0o666)
    refused = r.run("--renew", "two", "--force") == 1 and "others than its owner may write it" in r.err
    record.chmod(mode)
    return refused


def damaged(r):
    r.path("two.pem").write_text("nothing\n")
    return r.run("--renew", "two") == 0 and "Issued" in r.out and r.verifies("two")


def failed_renewal(r):
    pem, key = r.path("program.pem").read_bytes(), r.path("program.key").read_bytes()
    refused = r.run("--renew", "program", "--force", "--dns-exec", "./liar") == 1
    return (refused and r.path("program.pem").read_bytes() == pem and
            r.path("program.key").read_bytes() == key and r.verifies("program"))


def crash(r):
    """As if it had died after the key was renamed: the chain lies beside its place."""
    pem, serial = r.path("two.pem"), r.serial("two")
    old = pem.read_bytes()
    if r.run("-d", "b.chancery.example", "-d", "c.chancery.example", "--out", "two") != 0:
        return False
    fresh = r.serial("two")
    r.path("two.pem.new").write_bytes(pem.read_bytes())
    pem.write_bytes(old)
    return (serial != fresh and r.run("--renew", "two") == 0 and "Not due" in r.out and
            r.serial("two") == fresh and r.verifies("two") and not r.path("two.pem.new").exists())


def refusals(r, check):
    ca = r.ca
    check("a name outside the policy is refused by name, with what may help",
          r.run("-d", "www.elsewhere.test") == 1 and
          "urn:ietf:params:acme:error:rejectedIdentifier" in r.err and "elsewhere" in r.err and
          "What may help: the server's policy does not give this name" in r.err)
    check("two such names are two lines",
          r.run("-d", "a.elsewhere.test", "-d", "b.elsewhere.test") == 1 and
          "  a.elsewhere.test: " in r.err and "  b.elsewhere.test: " in r.err)
    check("in JSON too", r.run("-d", "www.elsewhere.test", "--json") == 1 and
          json.loads(r.out)["issued"] is False and
          json.loads(r.out)["problem"]["type"].endswith(":rejectedIdentifier"))
    check("an unknown profile is refused", r.run("-d", "a.chancery.example", "--profile", "nope",
                                                 "--out", "n") == 1 and ":invalidProfile" in r.err)
    check("a name that is none is a mistake of use", r.run("-d", "-x-.chancery.example") == 2)
    check("nothing asked for is one too", r.run() == 2 and "--domain NAME" in r.err)
    check("a misspelt option is one", r.run("--domian", "x") == 2 and "did you mean --domain?" in r.err)
    check("--renew with a name is one", r.run("--renew", "two", "-d", "x.chancery.example") == 2)
    check("an unknown kind of key is refused", r.run("-d", "a.chancery.example", "--key-type", "dsa",
                                                     "--out", "n") == 1 and "ec-p384" in r.err)
    check("a server that is not there is said",
          r.run("-d", "a.chancery.example", "--server", f"https://localhost:{free_port()}/directory",
                "--out", "n") == 1 and "nothing answers there" in r.err)
    check("a server of an unknown root is said, with what to do",
          r.run("-d", "a.chancery.example", "--server", ca.directory.replace("localhost", "127.0.0.1"),
                "--out", "n") == 1 and "--ca-file" in r.err and "issuer certificate" in r.err)
    check("a server of another name is told from one of an unknown root",
          r.run("-d", "a.chancery.example", "--server", ca.directory.replace("localhost", "a.localhost"),
                "--ca-file", ca.root, "--out", "n") == 1 and "a.localhost" in r.err and
          "is refused: SSL: no alternative certificate subject name" in r.err and "--ca-file" not in r.err)
    check("plain http is no way to ask", r.run("-d", "a.chancery.example", "--server",
                                               "http://localhost/directory", "--out", "n") == 1 and
          "begins with https://" in r.err)
    r.path("mine.pem").write_text("mine")
    check("files of somebody else's are not written over",
          r.run("-d", "a.chancery.example", "--out", "mine") == 1 and
          r.path("mine.pem").read_text() == "mine" and "choose another --out" in r.err)
    check("an account that the server forgot is made again", forgotten(r))
    check("help names the modules' options", r.run("--help") == 0 and "-d, --domain NAME" in r.out and
          "--webroot DIR" in r.out)
    check("without an installation the modules are those that are installed",
          r.run("-d", "f.chancery.example", "--server", ca.directory, "--ca-file", ca.root,
                "--http-port", r.http_port, node=False) == 0 and r.verifies("f.chancery.example"))
    check("without an installation and a server there is nobody to ask",
          r.run("-d", "f.chancery.example", node=False) == 1 and "--server URL is needed" in r.err)


def forgotten(r):
    record = next((r.home / ".config/chancery-accounts").glob("*.json"))
    kept = json.loads(record.read_text())
    gone = dict(kept, account=kept["account"][:-4] + "AAAA")
    record.write_text(json.dumps(gone))
    return (r.run("-d", "a.chancery.example") == 0 and
            json.loads(record.read_text()) == kept)


PROFILE = """description: "An address and a name of this host"
issuer: web-1
identifiers: { ip: { ranges: ["127.0.0.0/8"] }, dns: { names: ["*.chancery.example"] } }
challenges: [http-01, tls-alpn-01]
keys: [ec-p256]
lifetime: { default: 6d, max: 6d }
key-usage: [digitalSignature]
extended-key-usage: [serverAuth]
"""


class WithAddresses(Installation):
    def init(self):
        super().init()
        profile = self.home / "policy" / "profiles" / "loop.yaml"
        profile.write_text(PROFILE)
        profile.chmod(0o644)


def main():
    report = Report()
    tls_port = free_port()
    with WithAddresses(load=("dns", "ip"), arguments=("--https-port", tls_port)) as ca:
        r = Requester(ca)
        r.http_port, r.tls_port = ca.web.port, tls_port
        ca.web.close()

        def check(what, good):
            if not report.check(what, good):
                print(r.out + r.err)

        by_http(r, check)
        by_address(r, check)
        by_tls(r, check)
        by_webroot(r, check)
        by_dns(r, check)
        interrupted(r, check)
        refusals(r, check)
        renewal(r, check)
    report.end()


main()
