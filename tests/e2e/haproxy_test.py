#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An installation behind Debian's HAProxy with deploy/haproxy/haproxy.cfg: certificates over HTTP/2,
the client's own address in log and caps, and PROXY headers from nobody else (core.md H-01, H-08,
H-13)."""
import email.parser
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Report, acme, wait_for  # noqa: E402
from haproxy import BALANCER, BehindHaproxy  # noqa: E402

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
CAP = 256  # connections of one address: services/front/front.h
GET = b"GET /directory HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def named(client):
    """The header that says this client."""
    return SIGNATURE + b"\x21\x11\0\x0c" + socket.inet_aton(client) + \
        socket.inet_aton("127.0.0.1") + struct.pack("!HH", 40000, 443)


class Http2:
    """The transport of acme.Client by curl, which speaks HTTP/2 and says so."""

    def __init__(self, ca, source="127.0.0.1"):
        self.ca, self.source, self.versions = ca, source, set()

    def request(self, method, url, body=None, headers=None):
        head, data = self.ca.dir / "curl.head", self.ca.dir / "curl.body"
        words = ["curl", "-sS", "--http2", "--cacert", self.ca.root, "--interface", self.source,
                 "--max-time", "60", "-D", head, "-o", data, "-w", "%{http_version}", url]
        words += ["--head"] if method == "HEAD" else ["-X", method]
        for name, value in (headers or {}).items():
            words += ["-H", f"{name}: {value}"]
        if body is not None:
            words += ["--data-binary", "@-"]
        done = subprocess.run([str(w) for w in words], input=body, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise OSError(done.stderr.decode())
        self.versions.add(done.stdout.decode())
        status, _, fields = head.read_text().partition("\n")
        answer = acme.Response(int(status.split()[1]), email.parser.HeaderParser().parsestr(fields),
                               b"" if method == "HEAD" else data.read_bytes())
        acme.WIRE.look(method, urllib.parse.urlsplit(url).path, body, answer.status,
                       answer.header("Content-Type"), answer.body)
        return answer


def events(ca):
    """What the fronts have logged so far."""
    found = []
    for log in sorted(ca.home.rglob("front*.log")):
        for line in log.read_text().splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
    return found


def peers(ca, path):
    return {e["peer"] for e in events(ca) if e["event"] == "request" and e["path"] == path}


def connect(ca, port, source, header=b"", tls=True):
    """A connection to a front itself, TLS after the header.  OSError where it is refused."""
    s = socket.create_connection(("127.0.0.1", port), 20, source_address=(source, 0))
    try:
        s.sendall(header)
        if tls:
            context = ssl.create_default_context(cafile=str(ca.root))
            s = context.wrap_socket(s, server_hostname="localhost")
    except BaseException:
        s.close()
        raise
    return s


def exchange(ca, port, source, header=b"", tls=True):
    """The answer to GET of the directory; b"" or the error where there is none."""
    try:
        with connect(ca, port, source, header, tls) as s:
            s.sendall(GET)
            answer = b""
            while True:
                more = s.recv(65536)
                if not more:
                    return answer
                answer += more
    except OSError as e:
        return type(e).__name__.encode()


def configuration_is_valid(ca, report):
    status, said = ca.haproxy_check()
    report.check("deploy/haproxy/haproxy.cfg passes haproxy -c without a warning",
                 status == 0 and "WARNING" not in said and "ALERT" not in said, said)


def issuing_over_http2(ca, report):
    client = ca.client()
    client.http = Http2(ca)
    client.register()
    pem, _ = client.issue(["h2.chancery.example", "h2b.chancery.example"], ca.web)
    names = {n for e in acme.certificates(pem)[0].extensions
             if isinstance(e.value, acme.x509.SubjectAlternativeName)
             for n in e.value.get_values_for_type(acme.x509.DNSName)}
    report.check("a client that speaks HTTP/2 gets its certificate through HAProxy",
                 names == {"h2.chancery.example", "h2b.chancery.example"}, str(names))
    report.check("every answer of it came over HTTP/2", client.http.versions == {"2"},
                 str(client.http.versions))
    base = f"https://localhost:{ca.port}/"
    wrong = [u for u in client.directory.values() if isinstance(u, str) and not u.startswith(base)]
    report.check("H-13 the directory names HAProxy's address, not the front's", not wrong, str(wrong))


def issuing_by_certbot(ca, report):
    if shutil.which("certbot") is None:
        print("ok certbot gets a certificate through HAProxy # SKIP certbot is not installed")
        return
    home, port = ca.dir / "certbot", ca.web.port
    ca.web.close()  # certbot serves the challenge itself
    done = subprocess.run(
        ["certbot", "certonly", "-n", "--agree-tos", "--register-unsafely-without-email", "--server",
         ca.directory, "--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", str(port),
         "-d", "bot.chancery.example", "--config-dir", home, "--work-dir", home / "work",
         "--logs-dir", home / "log"], env=dict(os.environ, REQUESTS_CA_BUNDLE=str(ca.root)),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=180)
    report.check("certbot gets a certificate through HAProxy", done.returncode == 0 and pathlib.Path(
        home / "live" / "bot.chancery.example" / "cert.pem").exists(), done.stdout)


def addresses_in_the_log(ca, report):
    for source in ("127.0.0.2", "127.0.0.3", "127.0.0.2"):
        Http2(ca, source).request("GET", f"https://localhost:{ca.port}/seen-{source}")
    seen = {s: peers(ca, f"/seen-{s}") for s in ("127.0.0.2", "127.0.0.3")}
    report.check("the log of the front has each client's own address",
                 all(found == {source} for source, found in seen.items()), str(seen))
    report.check("an issuance has its client's address", peers(ca, "/new-order") == {"127.0.0.1"},
                 str(peers(ca, "/new-order")))
    wait_for("a health check", lambda: BALANCER in peers(ca, "/directory"))
    others = {e["path"] for e in events(ca) if e.get("peer") == BALANCER} - {"/directory"}
    report.check("only health checks have the balancer's", not others, str(others))
    try:
        urllib.request.urlopen(f"http://localhost:{ca.public_port}/seen-public", timeout=20)
    except urllib.error.HTTPError as e:
        report.check("a path that is not there is 404 on the public listener too", e.code == 404,
                     str(e.code))
    report.check("the public listener has the client's address", peers(ca, "/seen-public") ==
                 {"127.0.0.1"}, str(peers(ca, "/seen-public")))


def strangers_say_nothing(ca, report):
    before = len(events(ca))
    for tls, port in ((True, ca.front_port), (False, ca.front_public)):
        kind = "ACME" if tls else "public"
        answer = exchange(ca, port, "127.0.0.1", named("192.0.2.66"), tls)
        report.check(f"a PROXY header from elsewhere is refused by the {kind} listener",
                     b"HTTP/1.1 4" in answer or (tls and b"HTTP" not in answer), repr(answer))
        answer = exchange(ca, port, BALANCER, b"", tls)
        report.check(f"the balancer without a header is refused by the {kind} listener",
                     b"HTTP" not in answer, repr(answer))
        answer = exchange(ca, port, BALANCER, b"PROXY TCP4 192.0.2.66 127.0.0.1 40000 443\r\n", tls)
        report.check(f"a header of version 1 is refused by the {kind} listener",
                     b"HTTP" not in answer, repr(answer))
        answer = exchange(ca, port, BALANCER, named("192.0.2.66") * 2, tls)
        report.check(f"a second header is refused by the {kind} listener",
                     b"HTTP/1.1 4" in answer or (tls and b"HTTP" not in answer), repr(answer))
    new = events(ca)[before:]
    report.check("no request of theirs was looked at",
                 not [e for e in new if e["event"] == "request" and e["peer"] != BALANCER], str(new))
    said = [e for e in new if e["event"] == "refused before any handler"]
    report.check("the log says who was refused and why",
                 any(e.get("proxy") == BALANCER and "no PROXY header" in e["detail"] for e in said) and
                 any(e.get("peer") == "127.0.0.1" for e in said), str(said))
    answer = exchange(ca, ca.front_port, "127.0.0.1")
    report.check("who is no balancer is served without a header", b"200 OK" in answer, repr(answer))
    answer = exchange(ca, ca.front_port, BALANCER, named("192.0.2.66"))
    report.check("the balancer is served with one", b"200 OK" in answer, repr(answer))
    report.check("as the client that it names", "192.0.2.66" in peers(ca, "/directory"))


def caps_are_per_client(ca, report):
    held, refused = [], 0
    try:
        for i in range(CAP + 8):
            try:
                held.append(connect(ca, ca.front_port, BALANCER, named("192.0.2.77")))
            except OSError:
                refused += 1
        report.check(f"H-08 of one client's connections {CAP} are taken and the others refused",
                     (len(held), refused) == (CAP, 8), f"{len(held)} taken, {refused} refused")
        answer = exchange(ca, ca.front_port, BALANCER, named("192.0.2.78"))
        report.check("another client of the same balancer is served meanwhile", b"200 OK" in answer,
                     repr(answer))
        answer = Http2(ca).request("GET", ca.directory)
        report.check("and one that comes through HAProxy", answer.status == 200, repr(answer))
    finally:
        for s in held:
            s.close()
    wait_for("the client's connections are free again", lambda: b"200 OK" in exchange(
        ca, ca.front_port, BALANCER, named("192.0.2.77")))
    report.check("when they are closed, it is served again", True)


def this_host_as_balancer(ca, report):
    """chancery up and status look at the listener from 127.0.0.1, which now has to say PROXY."""
    ca.stop_haproxy()
    ca.down()
    ca.listen("127.0.0.1/32")
    try:
        why = ""
        ca.run("up")
    except RuntimeError as e:
        why = str(e)
    report.check("chancery up comes up where its own address is a balancer's", not why, why)
    state = json.loads(ca.run("status", "--json", check=False))
    report.check("and status finds the directory", state["directory"]["ok"] is True,
                 json.dumps(state["directory"]))
    answer = exchange(ca, ca.front_port, "127.0.0.1")
    report.check("where 127.0.0.1 is a balancer, it is refused without a header",
                 b"HTTP" not in answer, repr(answer))
    answer = exchange(ca, ca.front_port, "127.0.0.1", LOCAL)
    report.check("LOCAL, which health checks send, is answered", b"200 OK" in answer, repr(answer))


def main():
    report = Report()
    began = time.monotonic()
    with BehindHaproxy() as ca:
        for part in (configuration_is_valid, issuing_over_http2, addresses_in_the_log,
                     strangers_say_nothing, caps_are_per_client, issuing_by_certbot,
                     this_host_as_balancer):
            part(ca, report)
    print(f"# {time.monotonic() - began:.0f} s")
    report.end()


main()
