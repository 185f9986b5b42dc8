#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""chancery doctor: an installation is broken in each way that it knows, it is found with its mend, and
the mend, run as it was printed, mends it."""
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, PREFIX, Report, wait_for  # noqa: E402

ROOT = os.geteuid() == 0
BOUND_S = 25  # the longest limit of a check, and a slow machine


class Patient:
    """An installation, and what the doctor says of it."""

    def __init__(self, ca, report):
        self.ca, self.report = ca, report
        self.env = dict(ca.env, PATH=f"{PREFIX}/bin:{os.environ['PATH']}")
        self.settings = ca.node.read_text()

    def doctor(self):
        """Exit code, findings by name, how long it took."""
        began = time.monotonic()
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), "doctor", "--json", "--node",
                               str(self.ca.node)], env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        found = {}
        for f in json.loads(done.stdout)["checks"]:
            found.setdefault(f["name"], []).append(f)
        return done.returncode, found, time.monotonic() - began

    def finds(self, label, name, verdict, text, mend):
        """The finding; None and a failed test if there is none that matches."""
        code, found, took = self.doctor()
        hits = [f for f in found.get(name, []) if f["verdict"] == verdict
                and re.search(text, f["text"]) and re.search(mend, f.get("mend", ""))]
        fails = any(f["verdict"] == "FAIL" for fs in found.values() for f in fs)
        good = hits and code == (1 if fails else 0) and took < BOUND_S
        self.report.check(f"{label}: doctor says {verdict}, why, and what mends it", good,
                          f"exit {code}, {took:.0f} s, {json.dumps(found.get(name))}")
        return hits[0] if hits else None

    def mends(self, label, finding, name=None):
        """Run the mend as printed; the check is well then."""
        if finding is None:
            return
        done = subprocess.run(["bash", "-c", finding["mend"]], env=self.env, text=True, cwd="/",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        _, found, _ = self.doctor()
        left = [f for f in found[name or finding["name"]] if f["verdict"] not in ("ok", "skip")]
        self.report.check(f"{label}: its mend, run as printed, mends it",
                          done.returncode == 0 and not left,
                          f"{finding['mend']}: exit {done.returncode} {done.stdout} {left}")

    def well(self, label, name):
        _, found, _ = self.doctor()
        self.report.check(f"{label}: without the fault it is well",
                          all(f["verdict"] in ("ok", "skip") for f in found[name]), str(found[name]))

    @contextlib.contextmanager
    def edited(self, old, new):
        text = re.sub(old, new, self.settings, count=1, flags=re.M)
        assert text != self.settings, old
        self.ca.node.write_text(text)
        try:
            yield
        finally:
            self.ca.node.write_text(self.settings)


@contextlib.contextmanager
def replaced(path, content):
    was = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(was)


# ---- stopped ------------------------------------------------------------------------------------

def tree(top):
    """Everything below top: names, modes, owners, times and contents."""
    seen = {}
    for p in sorted(top.rglob("*")):
        s = p.lstat()
        seen[str(p)] = (s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns, s.st_size,
                        hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "")
    return seen


def healthy(p):
    code, found, took = p.doctor()
    bad = [f for fs in found.values() for f in fs if f["verdict"] not in ("ok", "skip")
           and not (f["name"] == "separation" and not ROOT)]
    skipped = {name for name, fs in found.items() if fs[0]["verdict"] == "skip"}
    p.report.check("a healthy installation that runs: all is ok", code == 0 and not bad and not skipped,
                   f"{bad} {skipped}")
    p.ca.down()
    before = tree(p.ca.home)
    code, found, took = p.doctor()
    bad = [f for fs in found.values() for f in fs if f["verdict"] not in ("ok", "skip")
           and not (f["name"] == "separation" and not ROOT)]
    skipped = {name for name, fs in found.items() if fs[0]["verdict"] == "skip"}
    p.report.check("a healthy installation that is stopped: all is ok but what needs it to run",
                   code == 0 and not bad and skipped == {"database", "clock", "processes", "directory"},
                   f"{bad} {skipped}")
    p.report.check("what is skipped says why", all(found[n][0]["text"] for n in skipped))
    after = tree(p.ca.home)
    p.report.check("it changes nothing", before == after,
                   str({k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}))
    text = p.ca.run("doctor")
    p.report.check("for people each finding is a line: verdict, name, sentence",
                   all(re.match(r"(ok|skip|warn) +[a-z]+ +\S|  +mend: ", line)
                       for line in text.splitlines()), text)


def usage(p):
    for words in (["--jsn"], ["more"]):
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), "doctor", *words], env=p.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.report.check(f"doctor {words[0]}: a mistake of use is exit code 2", done.returncode == 2,
                       str(done))


def settings(p):
    node = p.ca.node
    away = node.with_suffix(".away")
    node.rename(away)
    p.finds("no node.yaml", "settings", "FAIL", "there is no such file", "^chancery init && chancery up")
    away.rename(node)
    with p.edited(r"^processes:", "proceses:"):
        p.finds("a mistake in node.yaml", "settings", "FAIL", r"mistakes?: .*proceses",
                rf"^correct {node}:[0-9]+$")


def listener(p):
    renew = f"^chancery listener renew --node {p.ca.node}$"
    pem, key = p.ca.home / "keys" / "listener.pem", p.ca.home / "keys" / "listener.key"
    p.ca.advance(360 * 86400)
    p.finds("a listener certificate that ends soon", "listener", "warn", r"ends in [34] days", renew)
    p.ca.advance(6 * 86400)
    f = p.finds("an expired listener certificate", "listener", "FAIL", r"listener.pem ended at 20", renew)
    p.mends("an expired listener certificate", f)
    p.ca.advance(-366 * 86400)
    f = p.finds("a listener certificate that begins later", "listener", "FAIL", "begins only at", renew)
    p.mends("a listener certificate that begins later", f)
    with replaced(key, (p.ca.home / "keys" / "web-1.key").read_bytes()):
        p.finds("a listener certificate of another key", "listener", "FAIL",
                "is not of the listener's key", renew)
    pem.write_bytes(b"no certificate\n")
    f = p.finds("a listener certificate that is none", "listener", "FAIL", "holds no certificate", renew)
    p.mends("a listener certificate that is none", f)
    pem.unlink()
    f = p.finds("a listener certificate that is not there", "listener", "FAIL", "is not there", renew)
    p.mends("a listener certificate that is not there", f)
    key.unlink()
    f = p.finds("a listener key that is not there", "listener", "FAIL", "is not there", renew)
    p.mends("a listener key that is not there", f)
    with p.edited(r"^base-url:.*$", f'base-url: "https://ca.chancery.example:{p.ca.port}"'):
        f = p.finds("a listener certificate without the host of base-url", "listener", "FAIL",
                    "does not name ca.chancery.example", renew)
        p.mends("a listener certificate without the host of base-url", f)
    p.mends("the old name again", p.finds("the old name again", "listener", "FAIL", "localhost", renew))
    mode = "chown .* && chmod 600" if ROOT else "chmod 600"
    if ROOT:
        os.chown(key, 0, 0)
    key.chmod(0o600 if ROOT else 0)
    f = p.finds("a listener key that the services cannot read", "listener", "FAIL",
                f"{key}: .* cannot read it: Permission denied", mode)
    p.mends("a listener key that the services cannot read", f)


def foreign_listener(p):
    pem, key = p.ca.home / "keys" / "listener.pem", p.ca.home / "keys" / "listener.key"
    other = p.ca.dir / "other"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=Another CA", "-days", "3", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", f"{other}.key", "-out", f"{other}.pem"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with replaced(pem, pathlib.Path(f"{other}.pem").read_bytes()), \
            replaced(key, pathlib.Path(f"{other}.key").read_bytes()):
        p.finds("a certificate of another CA that ends soon", "listener", "warn", r"ends in [23] days",
                "renew it at its issuer, CN=Another CA")
        said = p.ca.run("listener", "renew", check=False)
        p.report.check("listener renew does not replace a certificate of another CA by itself",
                       "was issued by CN=Another CA" in said and "--force" in said, said)


def secrets(p):
    keys = p.ca.home / "keys"
    for name in ("root.key", "web-1.key", "listener.key"):
        (keys / name).chmod(0o644)
        f = p.finds(f"{name} readable by everybody", "secrets", "FAIL", f"{keys / name}: .*mode 0644",
                    f"^chmod 600 {keys / name}$")
        p.mends(f"{name} readable by everybody", f)
    p.ca.node.chmod(0o666)
    f = p.finds("node.yaml writable by everybody", "secrets", "FAIL", f"{p.ca.node}: .*change",
                f"^chmod go-w {p.ca.node}$")
    p.mends("node.yaml writable by everybody", f)
    p.ca.node.chmod(0o640)


def issuer(p):
    key = p.ca.home / "keys" / "web-1.key"
    away = key.with_suffix(".away")
    key.rename(away)
    p.finds("an issuer key that is not there", "issuer", "FAIL", f"web-1: {key}: .*No such file",
            "put the key back .*ceilings.yaml")
    away.rename(key)
    if ROOT:
        os.chown(key, 0, 0)
        f = p.finds("an issuer key of another user", "issuer", "FAIL", f"{key}: .*Permission denied",
                    f"^chown chancery-signer {key} && chmod 600 {key}$")
        p.mends("an issuer key of another user", f)
    key.chmod(0o640)
    f = p.finds("an issuer key with a wrong mode", "issuer", "FAIL", "may be read by others",
                f"chmod 600 {key}$")
    p.mends("an issuer key with a wrong mode", f)
    with replaced(key, (p.ca.home / "keys" / "listener.key").read_bytes()):
        p.finds("an issuer key that is not the certificate's", "issuer", "FAIL",
                f"{key}: is not the key of the certificate", r"name the certificate of that key.*ceilings.yaml")
    certificate = p.ca.home / "policy" / "issuers" / "web-1.pem"
    away = p.ca.home / "web-1.away"
    certificate.rename(away)
    p.finds("an issuer's certificate that is away", "issuer", "FAIL", f"{certificate}",
            "^put the certificate back, from a backup or from the chain of any that it issued")
    away.rename(certificate)
    with replaced(p.ca.home / "ceilings.yaml",
                  (p.ca.home / "ceilings.yaml").read_bytes().replace(b"max-lifetime: 200d", b"max-lifetime: 20d")):
        p.finds("a profile over the signer's ceiling", "ceilings", "FAIL",
                "profiles/web.yaml: promises 90 days, and the signer signs at most 20",
                "lower lifetime.max in profiles/web.yaml, or raise max-lifetime")
    p.well("a profile over the signer's ceiling", "ceilings")


def shorter(pem, root_pem, root_key, days):
    """The same certificate with another end."""
    old = x509.load_pem_x509_certificate(pem)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer_name=x509.load_pem_x509_certificate(root_pem.read_bytes()).subject,
        subject_name=old.subject, public_key=old.public_key(), serial_number=77,
        not_valid_before=now - datetime.timedelta(hours=1), not_valid_after=now + datetime.timedelta(days),
        extensions=list(old.extensions))
    key = serialization.load_pem_private_key(root_key.read_bytes(), None)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def expired_issuer(p):
    home = p.ca.home
    cert = home / "policy" / "issuers" / "web-1.pem"
    was = cert.read_bytes()
    cert.write_bytes(shorter(was, home / "root.pem", home / "keys" / "root.key", 30))
    renew = f"^chancery issuer renew web-1 --node {p.ca.node} && chancery down .* && chancery up --node"
    p.finds("an issuer certificate that ends soon", "issuer", "warn", "ends at 20", renew)
    p.ca.advance(31 * 86400)
    f = p.finds("an expired issuer certificate", "issuer", "FAIL", "web-1.pem ended at 20", renew)
    p.mends("an expired issuer certificate", f)
    p.report.check("the new issuer certificate leads to the root",
                   subprocess.run(["openssl", "verify", "-no_check_time", "-CAfile", str(home / "root.pem"), str(cert)],
                                  stdout=subprocess.DEVNULL).returncode == 0)
    p.ca.down()
    p.ca.advance(-31 * 86400)
    cert.write_bytes(was)


def modules(p):
    with p.edited(r"load: *\[.*\]", "load: [dns, dsn]"):
        p.finds("a module that is not there", "modules", "FAIL", "module dsn: there is no dsn.so",
                r"correct its name in modules.load.*node.yaml:[0-9]+")
    place = p.ca.dir / "mods"
    (place / "include" / "chancery").mkdir(parents=True)
    place.chmod(0o755)
    header = (PREFIX / "include" / "chancery" / "extension.h").read_text()
    (place / "include" / "chancery" / "extension.h").write_text(
        re.sub(r"#define CHY_ABI_MINOR \d+", "#define CHY_ABI_MINOR 99", header))
    (place / "old.c").write_text('#include <chancery/extension.h>\n'
                                 'const struct chy_module chy_module = {CHY_MODULE("old", "1")};\n')
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{place}/include", "-o", f"{place}/old.so",
                    f"{place}/old.c"], check=True)
    with p.edited(r"directories: *\[", f'directories: ["{place}", '):
        p.settings, plain = p.ca.node.read_text(), p.settings
        with p.edited(r"load: *\[.*\]", "load: [dns, old]"):
            p.finds("a module with another ABI", "modules", "FAIL", r"module old: built for ABI 0\.99",
                    "rebuild it")
        p.settings = plain
    p.well("the modules as they were", "modules")


def policy(p):
    profile = p.ca.home / "policy" / "profiles" / "web.yaml"
    with replaced(profile, profile.read_bytes() + b"nonsense: 1\n"):
        p.finds("a policy with a mistake", "policy", "FAIL", r"1 mistake: profiles/web.yaml:[0-9]+:1: .*nonsense",
                rf"^correct {profile}:[0-9]+ .*chancery policy check")
    p.well("a policy with a mistake", "policy")


def resolver(p):
    with p.edited(r"address: \"127.0.0.1@[0-9]+\"", 'address: "127.0.0.1@9"'):
        p.finds("a name server that does not answer", "resolver", "FAIL", "chancery.example",
                r"start the name server 127.0.0.1@9, or name another.*stubs.*node.yaml:[0-9]+")
    ds = re.search(r"trust-anchors: *\[\"(.*?)\"\]", p.settings).group(1)
    digest = ds.split()[-1]
    with p.edited(digest, digest[:-4] + ("0000" if digest[-4:] != "0000" else "1111")):
        p.finds("a trust anchor that is not the zone's", "resolver", "FAIL", "DNSSEC validation failed",
                r"DS record into trust-anchors.*node.yaml:[0-9]+")
    with p.edited(r"trust-anchors: *\[.*\]", "trust-anchors: []"):
        p.finds("no trust anchor", "resolver", "warn", "DNSSEC.* are not checked", "root-anchor")
        p.settings, plain = p.ca.node.read_text(), p.settings
        with p.edited(r"stubs: *\[.*\]", "stubs: []"):
            p.finds("nothing to ask", "resolver", "warn", "no trust anchor", "root-anchor")
        p.settings = plain
    p.well("the resolver as it was", "resolver")


def port(p):
    taker = subprocess.Popen([sys.executable, "-c", "import socket, time; s = socket.socket(); "
                              "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
                              f"s.bind(('127.0.0.1', {p.ca.port})); s.listen(); print('x', flush=True); "
                              "time.sleep(100)"], stdout=subprocess.PIPE)
    taker.stdout.readline()
    f = p.finds("a port that is taken", "ports", "FAIL",
                rf"port {p.ca.port}: is taken by python3.* \(pid {taker.pid}\)", rf"^kill {taker.pid} ")
    p.mends("a port that is taken", f)
    taker.kill()
    taker.wait()


def disk(p):
    log = p.ca.home / "log"
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(log)],
                                  stderr=subprocess.DEVNULL).returncode != 0:
        print("ok a disk that is nearly full # SKIP nothing may be mounted here", flush=True)
        return
    p.finds("a disk that is nearly full", "disk", "FAIL", rf"{log} \(logs\): [0-9]+ MiB", rf"^du -xh .*{log}")
    subprocess.run(["mount", "-o", "remount,size=500m", str(log)], check=True)
    p.finds("a disk that fills up", "disk", "warn", rf"{log} \(logs\): [0-9]+ MiB", rf"^du -xh .*{log}")
    subprocess.run(["umount", str(log)], check=True)
    p.well("a disk that is nearly full", "disk")


def places(p):
    long = p.ca.home / ("r" * 100)
    with p.edited(r"^run:.*$", f'run: "{long}"'):
        p.finds("a socket path that is too long", "settings", "FAIL", rf"mistakes?: {p.ca.node}:[0-9]+:.*octets",
                rf"^correct {p.ca.node}:[0-9]+$")
    if ROOT:
        p.ca.home.chmod(0o700)
        f = p.finds("a directory that the services cannot pass", "places", "FAIL",
                    f"user chancery cannot pass {p.ca.home}", f"^chmod o\\+x {p.ca.home}$")
        p.mends("a directory that the services cannot pass", f)
        p.ca.home.chmod(0o755)
        with p.edited(r"^users:.*$", ""):
            p.finds("one user for everything", "separation", "warn", "separation is off", "chancery-signer")
    else:
        p.finds("one user for everything", "separation", "warn", "separation is off", "chancery-signer")


def cluster(p):
    data = p.ca.home / "data" / "pg" / "main"
    keep = data.parent / "keep"
    shutil.copytree(data, keep, symlinks=True)
    if ROOT:
        subprocess.run(["chown", "-R", "--reference", str(data), str(keep)], check=True)
    for part in ("PG_VERSION", "global"):
        (data / part).rename(data.parent / "away")
        f = p.finds(f"a private cluster without {part}", "cluster", "FAIL", f"{data}: .*damaged: {part} is missing",
                    f"^mv {data} {data}.damaged.* && chancery up --new-database --node {p.ca.node}$")
        (data.parent / "away").rename(data / part)
    (data / "PG_VERSION").unlink()
    p.mends("a private cluster without PG_VERSION", f)
    p.ca.down()
    shutil.rmtree(data)
    keep.rename(data)
    with p.edited(r"^database:.*$", 'database: { services: "host=/nowhere dbname=x user=x", '
                  'owner: "host=/nowhere dbname=x user=x" }'):
        p.finds("a database out of reach", "database", "FAIL", "/nowhere",
                r"start that server, or correct database.services .*node.yaml:[0-9]+")


# ---- running ------------------------------------------------------------------------------------

def clock(p):
    for seconds, words in ((94, "9[0-9] s ahead of the database: certificates would start in the future"),
                           (-94, "9[0-9] s behind the database")):
        p.ca.advance(seconds)
        p.finds(f"a clock off by {seconds} s", "clock", "FAIL", words,
                "systemctl restart|apt-get install.*allowed: 5 s")
        p.ca.advance(-seconds)
    p.well("the clock as it was", "clock")


def schema(p):
    p.ca.sql("INSERT INTO chy_migration SELECT module, version + 1, 'later', sha256, applied_at "
             "FROM chy_migration WHERE module = 'core' ORDER BY version DESC LIMIT 1")
    p.finds("a schema newer than the program", "database", "FAIL", r"database is at version \d+, this program",
            "install the version of chancery")
    p.ca.sql("DELETE FROM chy_migration WHERE name = 'later'")
    p.ca.sql("REVOKE INSERT, UPDATE ON orders FROM chancery_service")
    f = p.finds("a role without a right", "database", "FAIL", "chancery_service lacks INSERT, UPDATE on orders",
                "psql .*GRANT")
    p.mends("a role without a right", f)
    p.ca.sql("REVOKE USAGE ON SCHEMA public FROM chancery_service")
    f = p.finds("a role that may not enter the schema", "database", "FAIL", "chancery_service lacks USAGE in schema public",
                "psql .*GRANT USAGE")
    p.mends("a role that may not enter the schema", f)
    p.ca.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    f = p.finds("a schema older than the program", "database", "FAIL", r"lacks \d+ migrations? of core",
                f"^chancery migrate --node {p.ca.node}$")
    p.mends("a schema older than the program", f)


def state(ca):
    return json.loads((ca.home / "run" / "state.json").read_text())


def pid_of(ca, name):
    return next(c["pid"] for c in state(ca)["processes"] if c["name"] == name)


def processes(p):
    ca = p.ca
    again = f"^chancery down --node {ca.node} && chancery up --node {ca.node} "
    for _ in range(3):
        old = pid_of(ca, "worker-1")
        os.kill(old, signal.SIGKILL)
        wait_for("worker-1", lambda: pid_of(ca, "worker-1") not in (0, old))
    f = p.finds("a process that is started again and again", "processes", "warn",
                r"worker-1 was started again 3 times.*signal 9", again)
    p.mends("a process that is started again and again", f)
    profile = ca.home / "policy" / "profiles" / "web.yaml"
    with replaced(profile, profile.read_bytes() + b"nonsense: 1\n"):
        os.kill(pid_of(ca, "worker-1"), signal.SIGKILL)
        wait_for("several attempts", lambda: next(c for c in state(ca)["processes"]
                                                  if c["name"] == "worker-1")["restarts"] >= 5)
        f = not_running(p, again)
    p.mends("a process that does not run", f)
    for name, check, text in (("front-1", "directory", "no answer|timed out|Timeout"),
                              ("postgres", "database", "no answer|timeout|did not answer")):
        victims = [pid_of(ca, name)] + children(pid_of(ca, name))
        for pid in victims:
            os.kill(pid, signal.SIGSTOP)
        p.finds(f"a {name} that hangs holds nothing up", check, "FAIL", text, "")
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    os.kill(state(ca)["pid"], signal.SIGKILL)
    wait_for("the end of everything", lambda: not ca.running())
    f = p.finds("a supervisor that was killed", "processes", "FAIL", "the supervisor was killed",
                f"^chancery up --node {ca.node}$")
    p.mends("a supervisor that was killed", f)


def not_running(p, again):
    """Between two attempts it runs for a moment: asked until it does not."""
    for _ in range(20):
        _, found, _ = p.doctor()
        hits = [f for f in found["processes"] if f["verdict"] == "FAIL"
                and re.search(r"worker-1 does not run \(\d+ restarts, .*exit code 1\): policy", f["text"])
                and re.search(again, f["mend"])]
        if hits:
            break
    p.report.check("a process that does not run: doctor says FAIL, why, and what mends it", hits,
                   str(found["processes"]))
    return hits[0] if hits else None


def children(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], text=True, stdout=subprocess.PIPE).stdout
    return [int(word) for word in out.split()]


def stranger(p):
    """Somebody else may look, and is told what only others can see."""
    if not ROOT:
        print("ok somebody else # SKIP only root can become somebody else", flush=True)
        return
    def ask():
        done = subprocess.run(["runuser", "-u", "nobody", "--", str(PREFIX / "bin" / "chancery"), "doctor",
                               "--json", "--node", str(p.ca.node)], env=p.env, cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, json.loads(done.stdout)["checks"]
    code, found = ask()
    p.report.check("somebody else who may not read node.yaml is told so", code == 1 and
                   found[0]["name"] == "settings" and "cannot be read" in found[0]["text"], str(found))
    p.ca.node.chmod(0o644)
    code, found = ask()
    p.ca.node.chmod(0o640)
    skipped = {f["name"]: f["text"] for f in found if f["verdict"] == "skip"}
    p.report.check("somebody else: what only root can see is skipped, and says so",
                   {"listener", "issuer", "policy", "database"} <= set(skipped) and
                   "only root can become it" in skipped["issuer"], str(found))
    p.report.check("somebody else sees that the directory answers",
                   any(f["name"] == "directory" and f["verdict"] == "ok" for f in found), str(found))


def main():
    report = Report()
    with Installation() as ca:
        p = Patient(ca, report)
        stranger(p)
        healthy(p)
        for look in (usage, settings, listener, foreign_listener, secrets, issuer, expired_issuer, modules,
                     policy, resolver, port, disk, places, cluster):
            look(p)
        ca.up()
        for look in (clock, schema, processes):
            look(p)
        code, found, _ = p.doctor()
        bad = [f for fs in found.values() for f in fs if f["verdict"] not in ("ok", "skip")]
        report.check("after all of it the installation is well",
                     code == 0 and (not bad or not ROOT), str(bad))
    report.end()


if __name__ == "__main__":
    main()
