#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed HTTP/1.1 over TLS to a front, and the same behind HAProxy (core.md H-08, T-E2E-12): each is
refused and the connection closed, and the request behind it in the same octets is never answered.

Prints the table of what each was answered by whom."""
import concurrent.futures
import json
import os
import re
import socket
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Report  # noqa: E402
from haproxy import BALANCER, BehindHaproxy  # noqa: E402
from malformed import CASES, FIRST, SECOND  # noqa: E402

PATIENCE_S = 60
AT_ONCE = 8
HEADERS, SETTINGS = b"\x01", b"\x04"  # RFC 9113 section 6


def frames(octets):
    """Types of the HTTP/2 frames, if it is nothing else (RFC 9113 section 4.1)."""
    types = []
    while len(octets) >= 9:
        types.append(octets[3:4])
        octets = octets[9 + int.from_bytes(octets[:3], "big"):]
    return types if not octets else []


class Outcome:
    """statuses: of the final answers, in order; closed: the server ended the connection; http2: it spoke
    HTTP/2, as HAProxy does after its preface, and answered no request in it."""

    def __init__(self, octets, closed):
        self.octets, self.closed, self.statuses, self.garbage = octets, closed, [], b""
        seen = frames(octets)
        self.http2 = seen[:1] == [SETTINGS] and HEADERS not in seen
        rest = b"" if self.http2 else octets
        while rest:
            head, end, rest = rest.partition(b"\r\n\r\n")
            status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
            if not status or not end:
                self.garbage = head
                return
            length = re.search(rb"(?mi)^Content-Length: *(\d+)", head)
            rest = rest[int(length[1]) if length else len(rest) if b"chunked" in head else 0:]
            if status[1][:1] != b"1":
                self.statuses.append(int(status[1]))

    def __str__(self):
        if self.http2:
            return "http/2"
        said = " ".join(map(str, self.statuses)) or "closed"
        return said + ("" if self.closed else " open") + (" garbage" if self.garbage else "")


def say(ca, port, octets):
    """Send it all over TLS, then read to the end or until nothing more comes."""
    context = ssl.create_default_context(cafile=str(ca.root))
    context.set_alpn_protocols(["http/1.1"])
    answer, closed, deadline = b"", False, time.monotonic() + PATIENCE_S
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE_S),
                             server_hostname="localhost") as s:
        try:
            s.sendall(octets)
        except OSError:
            pass  # it has heard enough; what it said can still be read
        try:
            while time.monotonic() < deadline:
                more = s.recv(65536)
                if not more:
                    closed = True
                    break
                answer += more
        except TimeoutError:
            pass
        except OSError:
            closed = True
    return Outcome(answer, closed)


def seen(ca):
    """Paths of the requests that the fronts' handlers have seen, health checks not counted; and how
    many messages the fronts have refused before."""
    paths, refused = [], 0
    for log in ca.home.rglob("front*.log"):
        for line in log.read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "request" and event["peer"] != BALANCER:
                paths.append(event["path"])
            refused += event.get("event") == "refused before any handler" and "status" in event
    return paths, refused


def say_all(ca, port):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda c: say(ca, port, c.octets + SECOND), CASES))


def control(ca, port, report, where):
    """The second request is good: what is not answered below is not for its own sake."""
    outcome = say(ca, port, SECOND)
    report.check(f"a well-made request is answered {where}",
                 outcome.statuses == [404] and outcome.closed, str(outcome))
    outcome = say(ca, port, FIRST + SECOND)
    report.check(f"and so are two in the same octets {where}", outcome.statuses == [200, 404],
                 str(outcome))


def to_the_front(ca, report):
    control(ca, ca.front_port, report, "by the front")
    before = seen(ca)
    outcomes = say_all(ca, ca.front_port)
    for c, o in zip(CASES, outcomes):
        report.check(f"front: {c.name} is refused", len(o.statuses) == 1 and o.closed and
                     o.statuses[0] in c.statuses and not o.garbage,
                     f"answered {o}, not {'/'.join(map(str, c.statuses))}")
    after = seen(ca)
    report.check("front: no handler saw any of them, nor what stood behind", after[0] == before[0],
                 str(after[0][len(before[0]):]))
    report.check("front: each is in the log", after[1] - before[1] == len(CASES),
                 f"{after[1] - before[1]} of {len(CASES)}")
    return outcomes


def verdict(case, o, paths, by_front):
    """What became of one message behind HAProxy; None: it must not become that."""
    if not o.closed or o.garbage:
        return None
    if not paths and len(o.statuses) <= 1 and all(s >= 400 for s in o.statuses):
        return "refused by the front" if by_front else "refused by HAProxy"
    # Put right: then HAProxy and the front read the same requests, and each has its own answer.
    if case.repaired and paths[0] != "/second" and len(paths) == len(o.statuses) and \
            paths[1:] in ([], ["/second"]):
        return "repaired: " + case.repaired
    return None


def behind_haproxy(ca, report):
    control(ca, ca.port, report, "through HAProxy")
    verdicts = []
    for c in CASES:  # one by one, so that the fronts' requests can be told apart
        before = seen(ca)
        o = say(ca, ca.port, c.octets + SECOND)
        after = seen(ca)
        paths = after[0][len(before[0]):]
        o.verdict = verdict(c, o, paths, after[1] > before[1])
        report.check(f"HAProxy: {c.name} is refused" + (" or repaired" if c.repaired else ""),
                     o.verdict is not None, f"answered {o}, handlers saw {paths}")
        verdicts.append(o)
    refused = sum(str(o.verdict).startswith("refused") for o in verdicts)
    report.check("HAProxy: most are refused, few repaired", refused * 4 > len(CASES) * 3,
                 f"{refused} of {len(CASES)}")
    return verdicts


def print_table(direct, behind):
    wide = max(len(c.name) for c in CASES)
    print(f"# {'message':{wide}}  front  behind HAProxy")
    for c, d, b in zip(CASES, direct, behind):
        print(f"# {c.name:{wide}}  {d!s:5}  {b!s:8} {b.verdict}")
    repaired = sum(str(b.verdict).startswith("repaired") for b in behind)
    print(f"# {len(CASES)} messages: the front refuses {len(CASES)}; behind HAProxy "
          f"{len(CASES) - repaired} are refused, {repaired} repaired, none smuggled", flush=True)


def main():
    report = Report()
    with BehindHaproxy() as ca:
        direct = to_the_front(ca, report)
        behind = behind_haproxy(ca, report)
        print_table(direct, behind)
        alive = ca.client().register()
        report.check("after all that a client is served through HAProxy", alive.status == 201,
                     repr(alive))
    report.end()


main()
