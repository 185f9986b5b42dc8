#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM drains: under load fronts, workers, the signer and all of them together are told to end, and
no request, order or signature is lost.  PostgreSQL restarted, and away for a while.

No clock is moved here and no lease has to end: what a drain leaves behind must go on at once."""
import concurrent.futures
import http.client
import json
import os
import random
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from installation import Installation, Report, acme, wait_for  # noqa: E402
import fault_test  # noqa: E402
import invariants  # noqa: E402

CLIENTS = 30
ROUNDS = int(os.environ.get("CHY_DRAIN_ROUNDS", "3"))
PATIENCE_S = 40         # less than a lease (60 s): nothing may have to wait for one
END_S = {"front": 35, "worker": 35, "signer": 20, "postgres": 60}  # the supervisor's own patience
AWAY_S = 20             # of the database
BOUND_S = 13            # for an answer without a database: its 10 s, and a slow machine
BAD_NONCE = acme.URN + "badNonce"


class Lost(Exception):
    """A request was sent in full and the connection ended without an answer."""


class StrictTransport(acme.Transport):
    """Knows at which point a connection ended.  fresh: a new connection for every request.

    turned_away: ended before the request was sent (no server there, or its queue was reset); the
    client comes again.  idle_ends: a kept connection was closed while it was idle; the client comes
    again.  Anything else is Lost."""

    def __init__(self, ca_file, fresh, timeout):
        super().__init__(ca_file, None, timeout)
        self.fresh, self.turned_away, self.idle_ends = fresh, 0, 0
        self.refused = []  # answers of 500 and more

    def request(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        headers = dict(headers or {}, Host=parts.netloc)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            connection = self.connection(parts)
            kept = connection.sock is not None
            try:
                if not kept:
                    connection.connect()
            except OSError:
                self.turned_away += 1
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            try:
                answer = self.exchange(connection, method, parts.path or "/", body, headers)
            except (ConnectionError, ssl.SSLError, http.client.HTTPException, OSError) as e:
                idle_end = kept and isinstance(e, (ConnectionError, ssl.SSLEOFError,
                                                   ssl.SSLZeroReturnError))
                if not idle_end:
                    raise Lost(f"{method} {parts.path} on a {'kept' if kept else 'fresh'} "
                               f"connection: {type(e).__name__}: {e}") from e
                self.idle_ends += 1
                continue
            if self.fresh:
                connection.close()
            if answer.status >= 500:
                self.refused.append(answer)
            return answer


class Journey(fault_test.Journey):
    """One order; busy: 503 with Retry-After may be answered and is obeyed."""

    busy = False

    def persist(self, step):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return step()
            except acme.AcmeError as e:
                r = e.response
                if not self.busy or r.status != 503 or r.retry_after is None:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: answered 503 for {PATIENCE_S} s")
            time.sleep(0.2)


def new_client(ca, fresh, timeout=30):
    client = ca.client()
    client.http = StrictTransport(str(ca.root), fresh, timeout)
    return client


def new_clients(ca, count):
    """Half of them keep their connections."""
    clients = [new_client(ca, i % 2 == 0) for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda c: c.register(), clients))
    return clients


class Load:
    """Clients that issue, one order after the other, while the block lasts."""

    number = 0

    def __init__(self, ca, clients, busy=False):
        self.ca, self.clients, self.busy = ca, clients, busy
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.failures, self.issued = [], 0
        Load.number += 1
        self.label = f"load{Load.number}"

    def __enter__(self):
        for c in self.clients:
            c.nonce_retries, c.http.turned_away, c.http.idle_ends, c.http.refused = 0, 0, 0, []
        self.threads = [threading.Thread(target=self.issue, args=(i,))
                        for i in range(len(self.clients))]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()

    def issue(self, i):
        client, n = self.clients[i], 0
        while n == 0 or not self.stop.is_set():
            journey = Journey(self.ca, client, f"{self.label}-{i}-{n}.chancery.example")
            journey.busy = self.busy
            n += 1
            try:
                journey.run()
            except Exception as e:  # noqa: BLE001 - every failure is reported, none ends the load
                with self.lock:
                    self.failures.append(f"{type(e).__name__}: {e}")
                client.http.close()
                continue
            with self.lock:
                self.issued += 1
        client.http.close()

    def sum(self, name):
        return sum(getattr(c.http, name) for c in self.clients)

    def tell(self):
        print(f"# {self.issued} issued; turned away {self.sum('turned_away')}, idle connections ended"
              f" {self.sum('idle_ends')}, badNonce {sum(c.nonce_retries for c in self.clients)},"
              f" 5xx {sum(len(c.http.refused) for c in self.clients)}", flush=True)

    def check(self, report, label):
        """Nothing was lost, no order failed; returns the refusals."""
        self.tell()
        lost = [f for f in self.failures if f.startswith("Lost")]
        others = [f for f in self.failures if not f.startswith("Lost")]
        report.check(f"{label}: no request that was sent ends without its answer", not lost,
                     f"{len(lost)}: {lost[:3]}")
        report.check(f"{label}: every order ends valid", not others and self.issued > 0,
                     f"{len(others)}: {others[:3]}")
        return [r for c in self.clients for r in c.http.refused]

    def check_smooth(self, report, label):
        refused = self.check(report, label)
        report.check(f"{label}: no answer of 500 and more", not refused,
                     f"{len(refused)}: {refused[:3]}")
        begun = sum(c.nonce_retries for c in self.clients)
        report.check(f"{label}: no request was done whose connection then ended (its nonce is unspent)",
                     begun == 0, f"{begun} times badNonce")


# ---- processes ----------------------------------------------------------------------------------

def state(ca):
    for _ in range(20):  # it may be replaced while it is read
        try:
            return json.loads((ca.home / "run" / "state.json").read_text())
        except (OSError, ValueError):
            time.sleep(0.02)
    raise RuntimeError("no state.json")


def process(ca, name):
    return next(p for p in state(ca)["processes"] if p["name"] == name)


def end(ca, name, sig=signal.SIGTERM):
    """Signal it; how it ended, after how long, and how long until the next one ran."""
    before = process(ca, name)
    began = time.monotonic()
    limit = END_S[name.rstrip("0123456789-")]
    os.kill(before["pid"], sig)
    while process(ca, name)["pid"] == before["pid"]:
        if time.monotonic() - began > limit:
            return f"still there after {limit} s", limit, None
        time.sleep(0.02)
    ended = time.monotonic() - began
    while process(ca, name)["state"] != "running":
        if time.monotonic() - began > limit + 15:
            return "not started again", ended, None
        time.sleep(0.02)
    return process(ca, name)["last-end"], ended, time.monotonic() - began - ended


def lost_records(ca):
    return int(ca.sql("SELECT count(*) FROM certificates WHERE status = 'lost'")[0][0])


# ---- 1: SIGTERM ---------------------------------------------------------------------------------

def play_target(ca, clients, report, name):
    ends, waits = [], []
    with Load(ca, clients) as load:
        for _ in range(ROUNDS):
            time.sleep(random.uniform(0.8, 1.6))
            how, ended, again = end(ca, name)
            ends.append((how, round(ended, 2)))
            waits.append(again)
    load.check_smooth(report, f"SIGTERM to {name} under load")
    report.check(f"{name} ends with exit code 0 within {END_S[name.rstrip('0123456789-')]} s, "
                 f"{ROUNDS} times", all(how == "exit code 0" for how, _ in ends), str(ends))
    report.check(f"{name} is started again within 1.5 s, however often it was told to end",
                 all(w is not None and w < 1.5 for w in waits), str(waits))


def play_down(ca, clients, report):
    ends = []
    with Load(ca, clients) as load:
        for _ in range(2):
            time.sleep(random.uniform(0.8, 1.6))
            said = ca.down()
            ends += [(p["name"], p["last-end"]) for p in state(ca)["processes"]]
            ca.up()
    load.check_smooth(report, "chancery down and up under load")
    bad = [e for e in ends if e[1] != "exit code 0"]
    report.check("chancery down: every process ends with exit code 0", ends and not bad,
                 f"{bad} {said}")


class SlowTokens(dict):
    """A web server that takes its time."""

    def get(self, *words):
        time.sleep(4)
        return super().get(*words)


def probe_in_hands(ca, report):
    """Both workers are told to end while one of them waits for a web server."""
    client, ca.web.tokens, ca.web.asked[:] = new_client(ca, False), SlowTokens(), []
    client.register()
    journey = Journey(ca, client, "slow.chancery.example")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        running = pool.submit(journey.run)
        wait_for("the probe", lambda: ca.web.asked)
        began = time.monotonic()
        ends = list(pool.map(lambda name: end(ca, name), ("worker-1", "worker-2")))
        try:
            running.result()
            why = ""
        except Exception as e:  # noqa: BLE001 - reported
            why = f"{type(e).__name__}: {e}"
    ca.web.tokens = {}
    report.check("a worker ends after the probe in its hands, with exit code 0",
                 all(e[0] == "exit code 0" for e in ends) and max(e[1] for e in ends) > 2, str(ends))
    report.check("its verdict is written, nobody asks again", why == "" and len(ca.web.asked) == 1 and
                 time.monotonic() - began < 20, f"{why} {ca.web.asked}")


def handshakes_in_progress(ca, report):
    """Connected before the SIGTERM, to one front or the other, and silent until after it."""
    context = ssl.create_default_context(cafile=str(ca.root))
    raw = [socket.create_connection(("127.0.0.1", ca.port)) for _ in range(16)]
    os.kill(process(ca, "front-1")["pid"], signal.SIGTERM)
    time.sleep(0.5)
    answered = []
    for s in raw:
        try:
            with context.wrap_socket(s, server_hostname="localhost") as tls:
                tls.sendall(b"GET /directory HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answered.append(tls.recv(4096)[:12])
        except OSError as e:
            answered.append(repr(e))
    good = [a for a in answered if a == b"HTTP/1.1 200"]
    report.check("who had connected before the SIGTERM is answered after it", len(good) == len(raw),
                 str(answered))
    wait_for("front-1", lambda: process(ca, "front-1")["state"] == "running", 40)


def sigterm(ca, report):
    clients = new_clients(ca, CLIENTS)
    for name in ("front-1", "worker-1", "signer"):
        play_target(ca, clients, report, name)
    probe_in_hands(ca, report)
    handshakes_in_progress(ca, report)
    play_down(ca, clients, report)
    lost = lost_records(ca)
    report.check("no signature was lost", lost == 0, f"{lost} records are lost")
    said = (ca.home / "log" / "chancery.log").read_text()
    killed = [line for line in said.splitlines() if "killed" in line]
    report.check("no process had to be killed", "started again" in said and not killed, str(killed))
    invariants.check(ca, report, "after the drains: ")


# ---- 2 and 3: the database ----------------------------------------------------------------------

def retriable(answer):
    return answer.status == 503 and answer.retry_after is not None


def database_restarted(ca, report):
    clients = new_clients(ca, 50)
    with Load(ca, clients, busy=True) as load:
        time.sleep(1.5)
        how, ended, again = end(ca, "postgres", signal.SIGINT)
        time.sleep(1.0)
    refused = load.check(report, "PostgreSQL restarted")
    report.check("PostgreSQL restarted: it ended in order and was started again",
                 how == "exit code 0" and again is not None, f"{how}, {ended:.1f} s")
    strange = [r for r in refused if not retriable(r)]
    report.check("PostgreSQL restarted: what is refused is 503 with Retry-After", not strange,
                 f"{len(strange)}: {strange[:3]}")
    most = max(c.nonce_retries for c in clients)
    report.check("PostgreSQL restarted: each client sees badNonce at most once", most <= 1, str(most))


class Prober(threading.Thread):
    """Asks the same again and again, each on a connection of its own, and writes down how long."""

    def __init__(self, ask, until):
        super().__init__()
        self.ask, self.until, self.took, self.start_times = ask, until, [], []
        self.answers = []

    def run(self):
        while time.monotonic() < self.until:
            began = time.monotonic()
            try:
                answer = self.ask()
            except Exception as e:  # noqa: BLE001 - told as an answer that is not right
                answer = e
            self.answers.append(answer)
            self.took.append(time.monotonic() - began)
            self.start_times.append(began)
            time.sleep(0.3)


def posts(client):
    def ask():
        url = client.directory["newOrder"]
        return client.post(url, {"identifiers": [{"type": "dns", "value": "away.chancery.example"}]},
                           retry=False)
    return ask


def database_away(ca, report):
    posters = [new_client(ca, True, 60) for _ in range(20)]
    for c in posters:
        c.register()
        c.nonces.extend(c.new_nonce() for _ in range(4))
    reader = new_client(ca, True, 60)
    new_nonce = reader.directory["newNonce"]
    before = {p["name"]: p["pid"] for p in state(ca)["processes"] if p["name"] != "postgres"}
    data = ca.home / "data" / "pg" / "main"
    until = time.monotonic() + AWAY_S - 1
    probes = [Prober(posts(c), until) for c in posters]
    readers = [Prober(lambda: reader.http.request("GET", ca.directory), until),
               Prober(lambda: reader.http.request("GET", new_nonce), until)]
    journeys = new_clients(ca, 5)
    data.rename(data.with_suffix(".away"))
    began = time.monotonic()
    os.kill(process(ca, "postgres")["pid"], signal.SIGINT)
    try:
        time.sleep(1.0)
        with Load(ca, journeys, busy=True) as load:
            for p in probes + readers:
                p.start()
            for p in probes + readers:
                p.join()
            time.sleep(max(0, began + AWAY_S - time.monotonic()))
            data.with_suffix(".away").rename(data)
            wait_for("postgres", lambda: process(ca, "postgres")["state"] == "running", 30)
    finally:
        if not data.exists():
            data.with_suffix(".away").rename(data)
    check_away(report, probes, readers)
    load.check(report, f"the database away for {AWAY_S} s")
    most = max(c.nonce_retries for c in journeys)
    report.check("after that each client sees badNonce at most once", most <= 1, str(most))
    now = {p["name"]: p["pid"] for p in state(ca)["processes"] if p["name"] != "postgres"}
    report.check("no other process ended", before == now, f"{before} {now}")


def check_away(report, probes, readers):
    answers = [a for p in probes for a in p.answers]
    took = [t for p in probes for t in p.took]
    strange = [repr(a) for a in answers if not isinstance(a, acme.Response) or not retriable(a)]
    print(f"# {len(answers)} requests without a database, the slowest {max(took):.1f} s", flush=True)
    report.check("without a database each request is answered 503 with Retry-After", not strange,
                 f"{len(strange)} of {len(answers)}: {strange[:3]}")
    report.check(f"each of 20 clients is answered within {BOUND_S} s", max(took) < BOUND_S,
                 f"{max(took):.1f} s")
    took = [t for p in readers for t in p.took]
    strange = [repr(a) for p in readers for a in p.answers
               if not isinstance(a, acme.Response) or a.status not in (200, 204)]
    report.check("the directory and newNonce answer without a database", not strange, str(strange[:3]))
    report.check(f"within {BOUND_S} s, and soon once the database is known to be away",
                 max(took) < BOUND_S and all(p.took[-1] < 2 for p in readers), str(took))


def main():
    report = Report()
    with Installation(fronts=2, workers=2) as ca:
        sigterm(ca, report)
        database_restarted(ca, report)
        database_away(ca, report)
        invariants.check(ca, report, "after the database's absence: ")
    report.end()


if __name__ == "__main__":
    fault_test.KEY = acme.new_key("ES256")
    main()
