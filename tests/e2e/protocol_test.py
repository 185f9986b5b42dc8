#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile protocol tests over HTTP, against an installation of its own or a running server.

    tests/e2e/protocol_test.py [WORD...]       all tests, or those whose name holds a WORD ("T-J-1")

An installation below CHY_PREFIX is brought up with two fronts, unless the environment names a server:
CHY_DIRECTORY URL of the directory; CHY_ROOT file of the CA that signed the listener's
certificate; CHY_HTTP01_PORT the port of 127.0.0.1 where http-01 is validated; optional: CHY_DIRECTORY2
the directory by a second front; CHY_ZONE names below it resolve to 127.0.0.1 (chancery.example);
CHY_TIMES=1 prints how long each took; CHY_WIRE=off if it is not Chancery, whose answers alone the
schemas describe.
"""
import os
import sys

DEBIAN = "/usr/bin/python3"

try:
    import cryptography  # noqa: F401
except ImportError:
    # Another python3 stands first in the path; the package belongs to Debian's.
    if sys.executable == DEBIAN or not os.path.exists(DEBIAN):
        sys.exit("protocol_test.py: python3-cryptography is missing; apt-get install it")
    os.execv(DEBIAN, [DEBIAN, "-B", *sys.argv])

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from protocol import harness  # noqa: E402
from protocol import transport, envelope, accounts, orders, issuance  # noqa: E402,F401
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))


def main():
    chosen, server = sys.argv[1:], os.environ.get("CHY_DIRECTORY")
    if server:
        web = harness.acme.Http01Server(int(os.environ["CHY_HTTP01_PORT"]))
        world = harness.World(server, os.environ["CHY_ROOT"], web, os.environ.get("CHY_DIRECTORY2"))
        return harness.run(world, chosen)
    if "CHY_PREFIX" not in os.environ:
        print("ok protocol # SKIP neither CHY_DIRECTORY nor CHY_PREFIX is set")
        return 0
    from installation import Installation

    class WithTerms(Installation):
        """The sample policy, with its terms of service in force."""

        def init(self):
            super().init()
            policy = self.home / "policy" / "chancery.yaml"
            policy.write_text(policy.read_text().replace("  # terms:", "  terms:"))
    with WithTerms(fronts=2) as ca:
        return harness.run(harness.World(ca.directory, ca.root, ca.web), chosen)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
