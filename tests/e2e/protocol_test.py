#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile protocol tests over HTTP against a running server.

    tests/e2e/protocol_test.py [WORD...]       all tests, or those whose name holds a WORD ("T-J-1")

Without the first three of these it starts an installation of its own, with two fronts on one port.
Environment: CHY_DIRECTORY URL of the directory; CHY_ROOT file of the CA that signed the listener's
certificate; CHY_HTTP01_PORT the port of 127.0.0.1 where http-01 is validated; optional: CHY_DIRECTORY2
the directory by a second front; CHY_ZONE names below it resolve to 127.0.0.1 (chancery.example);
CHY_TIMES=1 prints how long each took.
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

NEEDED = ("CHY_DIRECTORY", "CHY_ROOT", "CHY_HTTP01_PORT")


def run():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from protocol import harness
    from protocol import transport, envelope, accounts, orders, issuance  # noqa: F401
    return 1 if harness.run(sys.argv[1:]) else 0


def run_on_own_server():
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
    from installation import Installation
    with Installation(fronts=2) as ca:
        ca.web.close()  # its port is the tests' own
        os.environ.update(CHY_DIRECTORY=ca.directory, CHY_ROOT=str(ca.root),
                          CHY_HTTP01_PORT=str(ca.web.port))
        return run()


def main():
    if all(name in os.environ for name in NEEDED):
        return run()
    return run_on_own_server()


if __name__ == "__main__":
    sys.exit(main())
