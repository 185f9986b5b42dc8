#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile protocol tests over HTTP against a running server.

    tests/e2e/protocol_test.py [WORD...]       all tests, or those whose name holds a WORD ("T-J-1")

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


def main():
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        print(f"ok protocol # SKIP no server: {', '.join(missing)} not set")
        return 0
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from protocol import harness
    from protocol import transport, envelope, accounts, orders, issuance  # noqa: F401
    return 1 if harness.run(sys.argv[1:]) else 0


if __name__ == "__main__":
    sys.exit(main())
