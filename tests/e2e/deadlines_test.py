#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Slow and endless clients of an installation (core.md H-08, T-H-05): whatever drips in is cut at an
absolute deadline, memory stays flat, and 16 others are served as before.

The deadlines are the front's own (services/front/front.h), so the test takes a minute."""
import concurrent.futures
import os
import re
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, Report, SOURCE, wait_for  # noqa: E402

HEADER = (SOURCE / "services" / "front" / "front.h").read_text()
CLIENTS = 16
OF_EACH = 12        # attackers of each kind
CALM_S = 8          # how long the others are measured without attackers
LATE_S = 20         # a slow machine may be late; a deadline that octets move would never come
RATIO, FLOOR_MS = 5, 500
GROWTH_KIB = 64 * 1024
ATTACKER, CROWD = "127.0.0.5", "127.0.0.6"
POST = (b"POST /new-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose+json\r\n")


def limit(name):
    return int(re.search(rf"\.{name} = (\d+),", HEADER)[1])


HANDSHAKE_S, HEAD_S, BODY_S = (limit(f"{n}_ms") / 1000 for n in ("handshake", "head", "body"))
CAP = limit("connections_per_address")


# ---- attackers ----------------------------------------------------------------------------------

class Attacker:
    """One connection.  lasted: seconds until the server ended it, from just before the moment that its
    deadline counts from; status: of the answer, or None."""

    def __init__(self, ca):
        self.ca, self.lasted, self.status, self.sent = ca, None, None, 0
        self.began = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", ca.port), 30,
                                               source_address=(ATTACKER, 0))

    def add_tls(self):
        context = ssl.create_default_context(cafile=str(self.ca.root))
        self.began = time.monotonic()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def begin(self, header):
        """The head of a request, whole."""
        self.add_tls()
        self.began = time.monotonic()
        self.socket.sendall(POST + header + b"\r\n\r\n")

    def drip(self, octets, every, most):
        """Pieces of the iterable, one after each pause, until the server ends it."""
        answer = b""
        for piece in octets:
            if time.monotonic() - self.began > most:
                break
            try:
                self.socket.sendall(piece)
                self.sent += len(piece)
                self.socket.settimeout(every)
                more = self.socket.recv(65536)
                answer += more
                if not more or b"\r\n\r\n" in answer:
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.lasted = time.monotonic() - self.began
        self.read_rest(answer)

    def read_rest(self, answer):
        self.socket.settimeout(30)
        try:
            while more := self.socket.recv(65536):
                answer += more
        except OSError:
            pass
        self.socket.close()
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        self.status = int(status[1]) if status else None


def hello():
    """The octets of a real ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def single(octets):
    return (octets[i:i + 1] for i in range(len(octets)))


def endless(piece):
    while True:
        yield piece


def handshake(a):
    a.drip(single(hello()), 1, HANDSHAKE_S + LATE_S)


def silence(a):
    a.drip(endless(b""), 1, HANDSHAKE_S + LATE_S)


def head(a):
    a.add_tls()
    a.drip(single(b"GET /directory HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 4000), 1,
           HEAD_S + LATE_S)


def body(a):
    a.begin(b"Content-Length: 60000")
    a.drip(endless(b"a"), 1, BODY_S + LATE_S)


def slow_body(a):
    a.begin(b"Content-Length: 60000")
    a.drip(endless(b"a"), 10, BODY_S + LATE_S)


def chunks(a):
    a.begin(b"Transfer-Encoding: chunked")
    a.drip(endless(b"1\r\na\r\n"), 1, BODY_S + LATE_S)


def flood_of_chunks(a):
    a.begin(b"Transfer-Encoding: chunked")
    a.drip(endless(b"1000\r\n" + b"a" * 4096 + b"\r\n"), 0.001, BODY_S + LATE_S)


def large_body(a):
    a.begin(b"Content-Length: 10485760")
    a.drip((b"a" * 65536 for _ in range(160)), 0.001, BODY_S + LATE_S)


def packed_body(a):
    a.add_tls()
    a.drip([POST + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + bytes(20)], 30, 30)


# What it is, who does it, the deadline in seconds (None: at once), the answer (None: closed silently).
KINDS = [
    ("a connection that says nothing", silence, HANDSHAKE_S, None),
    ("a handshake of one octet a second", handshake, HANDSHAKE_S, None),
    ("headers of one octet a second", head, HEAD_S, 408),
    ("a body of one octet a second", body, BODY_S, 408),
    ("a body of one octet in 10 seconds", slow_body, BODY_S, 408),
    ("chunks of one octet a second, without end", chunks, BODY_S, 408),
    ("chunks as fast as can be, without end", flood_of_chunks, None, 413),
    ("a body of 10 MiB", large_body, None, 413),
    ("a gzip body", packed_body, None, 415),
]


def attack(ca, pool):
    def run(kind):
        attacker = Attacker(ca)
        kind(attacker)
        return attacker
    return [(k, [pool.submit(run, k[1]) for _ in range(OF_EACH)]) for k in KINDS]


def judge(report, kind, attackers):
    what, _, deadline, status = kind
    lasted = sorted(a.lasted for a in attackers)
    statuses = {a.status for a in attackers}
    if deadline is None:
        good, when = lasted[-1] < BODY_S - 1, "at once"
    else:
        good = deadline - 0.5 < lasted[0] and lasted[-1] < deadline + LATE_S
        when = f"after {deadline:.0f} s"
    report.check(f"T-H-05 {what} is ended {when}", good, f"{lasted[0]:.1f} to {lasted[-1]:.1f} s")
    report.check(f"T-H-05 {what}: " + (f"the answer is {status}" if status else "no answer"),
                 statuses == {status}, str(statuses))
    print(f"# {what}: {lasted[0]:.1f} to {lasted[-1]:.1f} s, {max(a.sent for a in attackers)} octets")


# ---- the others ---------------------------------------------------------------------------------

class Others:
    """16 clients that ask one thing after another, each on its own connection."""

    def __init__(self, ca):
        self.clients = [ca.client(timeout=60) for _ in range(CLIENTS)]
        for c in self.clients:
            c.register()
        self.failures = []

    def ask(self, client, stop, times):
        while not stop.is_set():
            began = time.monotonic()
            try:
                good = client.get(client.kid).status == 200
            except Exception as e:  # counted: nobody may be turned away
                good = self.failures.append(repr(e))
            if not good:
                self.failures.append("not 200")
            times.append((time.monotonic() - began) * 1000)
            stop.wait(0.02)

    def measure(self, wait):
        """Milliseconds of every request until wait() returns, by client."""
        stop, times = threading.Event(), [[] for _ in self.clients]
        threads = [threading.Thread(target=self.ask, args=(c, stop, t))
                   for c, t in zip(self.clients, times)]
        for t in threads:
            t.start()
        try:
            wait()
        finally:
            stop.set()
            for t in threads:
                t.join()
        return times


def quantile(times, q):
    every = sorted(t for one in times for t in one)
    return every[min(len(every) - 1, int(len(every) * q))]


def memory_kib(ca):
    total = 0
    for pid in ca.processes()["front"]:
        with open(f"/proc/{pid}/status") as f:
            total += int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    return total


def slow_clients(ca, report):
    others = Others(ca)
    calm = others.measure(lambda: time.sleep(CALM_S))
    before, most, found = memory_kib(ca), 0, []

    def storm():
        nonlocal most
        with concurrent.futures.ThreadPoolExecutor(OF_EACH * len(KINDS)) as pool:
            futures = attack(ca, pool)
            while not all(f.done() for _, fs in futures for f in fs):
                most = max(most, memory_kib(ca))
                time.sleep(1)
            found.extend((k, [f.result() for f in fs]) for k, fs in futures)
    stormy = others.measure(storm)
    for kind, attackers in found:
        judge(report, kind, attackers)
    ratio = quantile(stormy, 0.99) / quantile(calm, 0.99)
    for name, times in (("without", calm), ("with", stormy)):
        print(f"# {CLIENTS} clients {name} {OF_EACH * len(KINDS)} attackers: "
              f"{sum(map(len, times))} requests, p50 {quantile(times, 0.5):.1f} ms, "
              f"p99 {quantile(times, 0.99):.1f} ms")
    print(f"# p99 with attackers is {ratio:.2f} times that without; memory {before} KiB before, "
          f"{most} KiB at most", flush=True)
    report.check(f"all {CLIENTS} other clients are answered all the time",
                 not others.failures and all(stormy), str(others.failures[:3]))
    report.check(f"their p99 is below {RATIO} times that without attackers, or {FLOOR_MS} ms",
                 quantile(stormy, 0.99) < max(RATIO * quantile(calm, 0.99), FLOOR_MS),
                 f"{ratio:.2f} times")
    report.check("T-H-05 the front's memory stays flat", most - before < GROWTH_KIB,
                 f"{before} KiB before, {most} KiB at most")


def connect(ca, source):
    s = socket.create_connection(("127.0.0.1", ca.port), 20, source_address=(source, 0))
    try:
        context = ssl.create_default_context(cafile=str(ca.root))
        return context.wrap_socket(s, server_hostname="localhost")
    except BaseException:
        s.close()
        raise


def crowd(ca, report):
    held, refused = [], 0
    try:
        for _ in range(CAP + 8):
            try:
                held.append(connect(ca, CROWD))
            except OSError:
                refused += 1
        report.check(f"H-08 of one address {CAP} connections are taken and the others refused",
                     (len(held), refused) == (CAP, 8), f"{len(held)} taken, {refused} refused")
        report.check("H-08 another address is served meanwhile",
                     ca.client().register().status == 201)
    finally:
        for s in held:
            s.close()

    def again():
        try:
            connect(ca, CROWD).close()
            return True
        except OSError:
            return False
    wait_for("the address may connect again", again)
    report.check("H-08 when they are closed, the address is served again", True)


def main():
    report = Report()
    with Installation() as ca:
        crowd(ca, report)
        slow_clients(ca, report)
    report.end()


main()
