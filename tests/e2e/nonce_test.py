#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replay protection over two fronts and through a crash of PostgreSQL (core.md section 6, T-N-01,
T-N-04, T-N-08, T-E2E-03)."""
import concurrent.futures
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, Report, acme, wait_for  # noqa: E402

BAD_NONCE = "urn:ietf:params:acme:error:badNonce"
PARALLEL = 200
CLIENTS = 20


def one_nonce_many_requests(ca, report):
    client = ca.client()
    client.register()
    signed = acme.compact(client.sign(client.kid, None, nonce=client.new_nonce())).encode()
    gate = threading.Barrier(PARALLEL)

    def send(_):
        http = acme.Transport(str(ca.root))
        # The connection first, then all requests at the same moment.
        http.request("HEAD", client.directory["newNonce"])
        gate.wait()
        return http.request("POST", client.kid, signed, {"Content-Type": "application/jose+json"})

    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(send, range(PARALLEL)))
    good = sum(a.status == 200 for a in answers)
    report.check(f"T-N-04 of {PARALLEL} parallel requests with one nonce exactly one succeeds",
                 good == 1, f"{good} did")
    refused = [a for a in answers if a.status != 200]
    report.check("T-N-04 every other is badNonce/400",
                 all(a.status == 400 and a.json["type"] == BAD_NONCE for a in refused),
                 str({(a.status, a.problem) for a in refused}))
    report.check("N-03 every refusal carries a nonce that is good",
                 all(a.header("Replay-Nonce") for a in refused))
    fresh = client.sign(client.kid, None, nonce=refused[0].header("Replay-Nonce"))
    report.check("T-N-01 the retry with it succeeds", client.send(client.kid, fresh).status == 200)


def both_fronts_answered(ca, report):
    logs = sorted(ca.home.rglob("front*.log"))
    busy = [p.name for p in logs if '"event":"request"' in p.read_text()]
    report.check("both fronts took part", len(busy) == 2, str(busy))


def crash(ca):
    """kill -9 of PostgreSQL's first process; its children die of it, the supervisor starts it again."""
    before = ca.processes()["postgres"][0]
    os.kill(before, signal.SIGKILL)
    wait_for("PostgreSQL is back", lambda: ca.processes().get("postgres", [before])[0] != before)


class Caller:
    """Sends requests one after another and counts how often each had to be sent again."""

    def __init__(self, ca):
        self.client = ca.client(timeout=40)
        self.client.register()
        self.most, self.sent, self.strange = 0, 0, []

    def once(self, nonce):
        payload = {"identifiers": [{"type": "dns", "value": "a.chancery.example"}]}
        url = self.client.directory["newOrder"]
        return self.client.send(url, self.client.sign(url, payload, nonce=nonce))

    def request(self):
        retries, nonce = 0, self.client.nonce()
        while True:
            answer = self.once(nonce)
            self.sent += 1
            if answer.status == 201:
                break
            if answer.status != 503 and (answer.json or {}).get("type") != BAD_NONCE:
                self.strange.append(repr(answer))
                break
            retries += 1
            if retries > 5:
                break
            nonce = answer.header("Replay-Nonce") or self.client.new_nonce()
        self.most = max(self.most, retries)

    def run(self, stop):
        while not stop.is_set():
            self.request()


def requests_through_a_crash(ca, report):
    client = ca.client()
    client.register()
    spent = client.sign(client.kid, None, nonce=client.new_nonce())
    report.check("a request before the crash", client.send(client.kid, spent).status == 200)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        callers = list(pool.map(lambda _: Caller(ca), range(CLIENTS)))
        stop = threading.Event()
        running = [pool.submit(c.run, stop) for c in callers]
        time.sleep(1)
        crash(ca)
        time.sleep(2)
        stop.set()
        for future in running:
            future.result()
    strange = [s for c in callers for s in c.strange]
    report.check("T-N-08 through kill -9 of PostgreSQL no request is refused but for its nonce",
                 not strange, str(strange[:3]))
    most = max(c.most for c in callers)
    report.check("each client needs at most one retry", most <= 1,
                 f"{most}; {sum(c.sent for c in callers)} requests")
    answer = client.send(client.kid, spent)
    report.check("a nonce spent before the crash stays spent",
                 answer.status == 400 and answer.json["type"] == BAD_NONCE, repr(answer))


def main():
    report = Report()
    with Installation(fronts=2) as ca:
        one_nonce_many_requests(ca, report)
        both_fronts_answered(ca, report)
        requests_through_a_crash(ca, report)
    report.end()


main()
