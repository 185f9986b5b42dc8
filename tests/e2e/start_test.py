#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""chancery up: what stops a start, said in words that name the thing; what it suggests when it has
started, tried."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, PREFIX, Report  # noqa: E402


class Mistakes:
    """Each puts a mistake into a stopped installation, tries to start it, and takes it out again."""

    def __init__(self, ca, report):
        self.ca, self.report = ca, report
        self.node = ca.node.read_text()

    def start(self, name, *patterns):
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), "up", "--node", str(self.ca.node)],
                              env=self.ca.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        said = [line for line in done.stdout.splitlines() if line.strip()]
        # One line of them names the thing and says what to do.
        missing = [p for p in patterns if not any(re.search(p, line) for line in said)]
        self.report.check(f"{name}: up says so in one line and fails",
                          done.returncode != 0 and not missing,
                          f"exit {done.returncode}, nothing matches {missing} in {done.stdout}")
        wait = time.monotonic() + 15
        while self.ca.running() and time.monotonic() < wait:
            time.sleep(0.1)
        left = self.ca.running()
        self.report.check(f"{name}: nothing is left running", not left, str(left))
        return done.stdout

    def edit_node(self, old, new):
        text = re.sub(old, new, self.node, count=1, flags=re.M)
        assert text != self.node, old
        self.ca.node.write_text(text)

    def run(self):
        self.keys()
        self.lost_data()
        self.policy_and_modules()
        self.database()

    def keys(self):
        home = self.ca.home
        keys = home / "keys"
        key = keys / "web-1.key"
        away = key.with_suffix(".away")
        key.rename(away)
        self.start("a missing issuer key", rf"^chancery up: signer: did not start: {key}: .*No such file.*;")
        away.rename(key)
        was = key.read_bytes()
        key.write_bytes((keys / "listener.key").read_bytes())
        self.start("another key for the issuer", rf"{key}: .*;")
        key.write_bytes(was)
        listener = keys / "listener.pem"
        was = listener.read_bytes()
        listener.write_bytes((home / "root.pem").read_bytes())
        self.start("a listener certificate of another key",
                   rf"^chancery up: front-1: did not start: .*{listener}: .*; .*\(exit code 1; its log is ")
        listener.write_text("no certificate\n")
        self.start("a listener certificate that is none", rf"{listener}: .*;")
        listener.write_bytes(was)

    def lost_data(self):
        """A slip in data:, or a disk that is not mounted: no empty database comes instead."""
        wrong = self.ca.home / "dta"
        try:
            self.edit_node(r"^data: .*$", f"data: {wrong}")
            said = self.start("data that are elsewhere",
                              rf"^chancery up: {wrong}/pg/main: holds no database, though this CA has run "
                              rf"before .*; mount its disk, put it back, or correct data in {self.ca.node}; "
                              r"to begin with an empty database: chancery up --new-database --node ")
            self.report.check("data that are elsewhere: nothing was made or started",
                              not wrong.exists() and "postgres " not in said, said)
        finally:
            self.ca.node.write_text(self.node)

    def policy_and_modules(self):
        """Found before PostgreSQL, signer and worker are started."""
        policy = self.ca.home / "policy"
        profile = next((policy / "profiles").glob("*.yaml"))
        mode = profile.stat().st_mode & 0o777
        profile.chmod(0)
        said = self.start("a policy that cannot be read",
                          rf"profiles/{profile.name}: .*Permission denied; ",
                          rf"^chancery up: {policy}: 1 mistake, shown above; mend it and start again$")
        self.report.check("a policy that cannot be read: nothing was started", "postgres " not in said, said)
        profile.chmod(mode)
        was = profile.read_text()
        profile.write_text(was.replace("issuer: web-1", "issuer: web-7"))
        said = self.start("a profile of an issuer that is not there", r"web-7",
                          rf"^chancery up: {policy}: 1 mistake, shown above")
        self.report.check("a policy with a mistake: nothing was started", "postgres " not in said, said)
        profile.write_text(was)
        try:
            self.edit_node(r"load: *\[.*\]", "load: [dns, dsn]")
            said = self.start("a module that is not there", r"^chancery up: module dsn: there is no dsn.so.*;")
            self.report.check("a module that is not there: nothing was started", "postgres " not in said, said)
            self.edit_node(r"trust-anchors: *\[.*\]", 'trust-anchors: ["nonsense"]')
            said = self.start("a trust anchor that is none",
                              rf"^chancery up: {self.ca.node}: validation: resolver: trust-anchors: nonsense.*;")
            self.report.check("a trust anchor that is none: nothing was started", "postgres " not in said, said)
            self.edit_node(r"(  acme: .*) }$", r"\1, proxy-from: [127.0.0.1/8] }")
            self.start("a balancer's address with bits behind its prefix",
                       rf"^{self.ca.node}:\d+:\d+: error: '127.0.0.1/8' has bits set behind its prefix",
                       r"^chancery up: .*1 mistake, shown above; mend it and start again")
            self.ca.node.write_text(self.node + "nonsense: 1\n")
            self.start("a key of node.yaml that is none",
                       rf"^chancery up: {self.ca.node}: 1 mistake, shown above; mend it and start again$")
        finally:
            self.ca.node.write_text(self.node)

    def database(self):
        try:
            self.edit_node(r"^database:.*$",
                           'database: { services: "host=/nowhere dbname=x user=x", '
                           'owner: "host=/nowhere dbname=x user=x" }')
            self.start("a database that is nowhere",
                       r"^chancery up: migrate: did not start: .*/nowhere.* \(exit code 1; its log is ")
        finally:
            self.ca.node.write_text(self.node)
        data = self.ca.home / "data" / "pg" / "main"
        for part in ("PG_VERSION", "global", "pg_wal"):
            away = data.parent / "away"
            (data / part).rename(away)
            self.start(f"a private database without {part}",
                       rf"^chancery up: {data}: the data of the private PostgreSQL are damaged: {part} is "
                       rf"missing; .*mv {data} {data}.damaged && chancery up --new-database --node {self.ca.node}$")
            away.rename(data / part)
        settings = data / "chancery.conf"
        was = settings.read_text()
        settings.write_text(was + "shared_buffers = lots\n")
        self.start("a setting that PostgreSQL does not take",
                   r"^chancery up: postgres: did not start: .*exit code 1; its log is .*/postgres.log")
        settings.write_text(was)


def try_next(said):
    """The lines below 'Try next'."""
    lines = said.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Try next"))
    return [line[12:] for line in lines[at:]]


def suggestions(ca, report, said):
    """The name of the sample policy resolves to this host: what is printed must work as it stands."""
    lines = try_next(said)
    first, second = shlex.split(lines[0]), shlex.split(lines[1])
    report.check("with a name that resolves here the first line is a client's",
                 first[:2] == ["chancery", "request"] and first[-1] == "www.chancery.example", said)
    report.check("and the second line another client's",
                 "certbot" in second and second[-1] == "www.chancery.example", said)
    env = dict(ca.env, XDG_CACHE_HOME=str(ca.dir / "cache"), HOME=str(ca.dir),
               PATH=f"{PREFIX}/bin:{ca.env['PATH']}")
    done = subprocess.run(["bash", "-c", lines[0]], env=env, cwd=ca.dir, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report.check("the first line gets a certificate", done.returncode == 0 and
                 (ca.dir / "www.chancery.example.pem").exists(), done.stdout)
    if shutil.which("certbot") is None:
        print("ok the other client's line gets a certificate # SKIP certbot is not installed", flush=True)
        return
    done = subprocess.run(["bash", "-c", lines[1]], env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    report.check("the other client's line gets a certificate", done.returncode == 0, done.stdout)


def what_is_missing(ca, report):
    """Each thing that stops a client is named instead of a line that cannot work."""
    node = ca.node.read_text()
    profile = ca.home / "policy" / "profiles" / "web.yaml"
    policy = profile.read_text()

    def up(label, pattern):
        ca.down()
        said = ca.up()
        report.check(label, re.search(pattern, said, re.M) and "certbot" not in said and
                     "chancery request" not in said, said)

    ca.node.write_text(re.sub(r"stubs: *\[.*\]", "stubs: []", node).replace("query-localhost: true",
                                                                          "query-localhost: false"))
    up("without the zone's server: the name, whom validation asks and the setting",
       rf"^To certify  you need a name .*www.chancery.example does not: .*asks the Internet's name servers"
       rf".*validation.resolver.stubs of {ca.node}.*--dns-suffix")
    ca.node.write_text(re.sub(r"allow: *\[.*?\]", "allow: []", node))
    up("an address that validation may not ask: the network and the setting",
       rf"^To certify  you need leave to connect to 127.0.0.1, .*validation.allow in {ca.node}")
    ca.node.write_text(node)
    profile.write_text(re.sub(r"^example:.*\n", "", policy, flags=re.M))
    up("a policy without an example: where to say one", rf"^To certify  you need a name .*example: in {profile}")
    profile.write_text(policy)


def main():
    report = Report()
    with Installation() as ca:
        ca.web.close()  # its port is the client's
        ca.down()
        suggestions(ca, report, ca.up())
        what_is_missing(ca, report)
        ca.down()
        Mistakes(ca, report).run()
        ca.up()
        report.check("with the mistakes taken out it starts", ca.client().directory is not None)
    report.end()


if __name__ == "__main__":
    main()
