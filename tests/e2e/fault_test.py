#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named place, again and again, under 30 parallel issuances: no order is lost, no
serial is signed twice, and what core.md section 35 says of the database holds.

A fault point kills the process that reaches it once per armed file (core/base/fault.h).  Leases are
ended by moving the test build's clock, so that recovery is tested without waiting.

    fault_test.py [POINT...]     all points, or these; CHY_FAULT_ROUNDS=N rounds each (20)"""
import concurrent.futures
import http.client
import os
import random
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from installation import Installation, Report, acme  # noqa: E402
import invariants  # noqa: E402

POINTS = {  # name: whose process dies there
    "worker.after-claim": "worker",
    "worker.after-probe": "worker",
    "worker.after-step": "worker",
    "worker.after-verdict": "worker",
    "issue.after-record": "front",
    "issue.after-signature": "front",
    "issue.after-store": "front",
    "signer.before-log": "signer",
    "signer.after-log": "signer",
    "signer.after-sign": "signer",
    "worker.after-order-claim": "worker",  # a worker takes over what a front left, and dies too
}
ROUNDS = int(os.environ.get("CHY_FAULT_ROUNDS", "20"))
CLIENTS = 30
PATIENCE_S = 60
LEASE_S = 121  # longer than any lease


class Journey:
    """One order from beginning to certificate, through any number of faults."""

    def __init__(self, ca, client, name):
        self.ca, self.client, self.name = ca, client, name
        self.order, self.order_url = None, None

    def persist(self, step):
        """Repeat what a fault interrupted; refusals that are no faults are raised."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return step()
            except (OSError, http.client.HTTPException, ssl.SSLError):
                self.client.http.close()
            except acme.AcmeError as e:
                if e.response.status < 500:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {step.__name__} did not get through")
            time.sleep(0.1)

    def read(self, url):
        return self.persist(lambda: self.must(self.client.get(url), 200).json)

    @staticmethod
    def must(answer, *statuses):
        if answer.status not in statuses:
            raise acme.AcmeError("answer", answer)
        return answer

    def wait(self, url, until):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            state = self.read(url)
            if state["status"] in until:
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {url} stays {state['status']}")
            time.sleep(0.15)

    def prove(self):
        for url in self.order["authorizations"]:
            authorization = self.read(url)
            if authorization["status"] == "valid":
                continue
            challenge = self.client.challenge(authorization)
            self.ca.web.tokens[challenge["token"]] = self.client.key_authorization(challenge["token"])
            self.persist(lambda: self.must(self.client.post(challenge["url"], {}), 200))
            if self.wait(url, ("valid", "invalid"))["status"] != "valid":
                raise AssertionError(f"{self.name}: authorization invalid")

    def finalize(self):
        der, _ = acme.csr([self.name], KEY)

        def step():
            answer = self.client.post(self.order["finalize"], {"csr": acme.b64(der)})
            # An answer that a fault swallowed: the order went on without us.
            if answer.status == 403 and self.read(self.order_url)["status"] != "ready":
                return answer
            return self.must(answer, 200)
        self.persist(step)

    def run(self):
        def new_order():
            return self.must(self.client.post(self.client.directory["newOrder"], {
                "identifiers": [{"type": "dns", "value": self.name}]}), 201)
        answer = self.persist(new_order)
        self.order, self.order_url = answer.json, answer.header("Location")
        self.prove()
        self.wait(self.order_url, ("ready",))
        self.finalize()
        state = self.wait(self.order_url, ("valid", "invalid"))
        if state["status"] != "valid":
            raise AssertionError(f"{self.name}: order invalid: {state.get('error')}")
        pem = self.persist(lambda: self.must(self.client.get(state["certificate"]), 200).text)
        if len(acme.certificates(pem)) < 2:
            raise AssertionError(f"{self.name}: no chain")


def keep_leases_ending(ca, stop):
    """While a round lasts, time passes faster: a lease that a dead process held ends soon."""
    while not stop.wait(0.5):
        ca.advance(LEASE_S)


def run_wave(ca, clients, label, delay, point):
    """One issuance for each client, the point armed after delay; what failed."""
    journeys = [Journey(ca, c, f"{label}-{i}.chancery.example") for i, c in enumerate(clients)]
    failures, stop = [], threading.Event()
    hurry = threading.Thread(target=keep_leases_ending, args=(ca, stop))
    with concurrent.futures.ThreadPoolExecutor(len(journeys)) as pool:
        running = [pool.submit(j.run) for j in journeys]
        if point:
            time.sleep(delay)
            ca.arm(point)
        hurry.start()
        for future in running:
            try:
                future.result()
            except Exception as e:  # noqa: BLE001 - every failure is reported, none ends the round
                failures.append(f"{type(e).__name__}: {e}")
        stop.set()
        hurry.join()
    return failures


def play(ca, clients, point, number):
    label = f"{point.replace('.', '-')}-{number}"
    if point == "worker.after-order-claim":
        ca.arm("issue.after-record")
    failures = run_wave(ca, clients, label, random.uniform(0, 0.15), point)
    # Armed too late for this wave?  Then a small one meets it from its beginning.
    if (ca.faults / point).exists():
        failures += run_wave(ca, clients[:5], label + "-late", 0, None)
    return failures, ca.disarm()


def play_point(ca, clients, report, point):
    failures, unreached = [], 0
    for number in range(ROUNDS):
        failed, left = play(ca, clients, point, number)
        failures += failed
        unreached += point in left
    report.check(f"{point}: {ROUNDS} rounds of {CLIENTS}: every order ends valid", not failures,
                 f"{len(failures)}: {failures[:3]}")
    report.check(f"{point}: a {POINTS[point]} died there in each round", unreached == 0,
                 f"not in {unreached} of {ROUNDS}")


def main():
    report = Report()
    with Installation(fronts=2, workers=2) as ca:
        clients = [ca.client(timeout=20) for _ in range(CLIENTS)]
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda c: c.register(), clients))
        for point in sys.argv[1:] or POINTS:
            play_point(ca, clients, report, point)
            invariants.check(ca, report, f"{point}: ")
    report.end()


if __name__ == "__main__":
    KEY = acme.new_key("ES256")
    main()
