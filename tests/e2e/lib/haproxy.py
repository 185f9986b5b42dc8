# SPDX-License-Identifier: Apache-2.0
"""An installation behind Debian's HAProxy, with the configuration of deploy/haproxy.

Clients come from 127.0.0.1 and other addresses; the balancer talks to the fronts from 127.0.0.8, so
that the two can be told apart."""
import os
import re
import shutil
import socket
import subprocess

from installation import SOURCE, Installation, free_port, wait_for

CONFIG = SOURCE / "deploy" / "haproxy" / "haproxy.cfg"
BALANCER = "127.0.0.8"


class BehindHaproxy(Installation):
    """port and public_port are HAProxy's; front_port and front_public are what fronts listen on."""

    def __init__(self, **options):
        super().__init__(**options)
        self.front_port, self.front_public = free_port(), free_port()
        self.haproxy = None

    def __exit__(self, *what):
        self.stop_haproxy()
        super().__exit__(*what)

    def listen(self, proxy_from):
        """Have the fronts listen on their own ports and take PROXY headers from there."""
        text = self.node.read_text()
        for name, port in (("acme", self.front_port), ("public", self.front_public)):
            text, n = re.subn(rf"(?m)^  {name}: {{ address: \"127.0.0.1\", port: \d+(.*?)"
                              r"(, proxy-from: \[.*\])? }$",
                              rf'  {name}: {{ address: "127.0.0.1", port: {port}\1, '
                              rf"proxy-from: [{proxy_from}] }}", text)
            if n != 1:
                raise RuntimeError(f"node.yaml has no listener {name} of the expected form:\n{text}")
        self.node.write_text(text)

    def init(self):
        super().init()
        self.listen(f"{BALANCER}/32")
        # The private key behind the certificates, in one file, as HAProxy wants it.
        pem = self.dir / "haproxy.pem"
        keys = self.home / "keys"
        pem.touch(mode=0o600)
        pem.write_text((keys / "listener.pem").read_text() + (keys / "listener.key").read_text())
        self.haproxy_env = dict(
            os.environ, CHY_HAPROXY_BIND=f"127.0.0.1:{self.port}",
            CHY_HAPROXY_PUBLIC_BIND=f"127.0.0.1:{self.public_port}", CHY_HAPROXY_PEM=str(pem),
            CHY_HAPROXY_FRONT=f"127.0.0.1:{self.front_port}",
            CHY_HAPROXY_PUBLIC=f"127.0.0.1:{self.front_public}",
            CHY_HAPROXY_FRONT_CA=str(self.root), CHY_HAPROXY_SOURCE=BALANCER)
        if os.geteuid() != 0:
            self.haproxy_env["CHY_HAPROXY_UNPRIVILEGED"] = "1"

    def up(self):
        out = super().up()
        self.start_haproxy()
        return out

    def haproxy_check(self):
        """haproxy -c: exit status, and what it says."""
        done = subprocess.run([haproxy_program(), "-c", "-f", str(CONFIG)], env=self.haproxy_env,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def start_haproxy(self):
        log = (self.dir / "haproxy.log").open("ab")
        # -db: in the foreground, without a master.
        self.haproxy = subprocess.Popen([haproxy_program(), "-db", "-f", str(CONFIG)],
                                        env=self.haproxy_env, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=subprocess.STDOUT)
        log.close()
        wait_for("HAProxy listens", self.haproxy_listens)

    def haproxy_listens(self):
        if self.haproxy.poll() is not None:
            raise RuntimeError(f"haproxy ended:\n{self.haproxy_log()}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop_haproxy(self):
        if self.haproxy is not None:
            self.haproxy.terminate()
            self.haproxy.wait(20)
            self.haproxy = None

    def haproxy_log(self):
        return (self.dir / "haproxy.log").read_text(errors="replace")


def haproxy_program():
    # Debian keeps it in sbin, which is not in every user's path.
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError("haproxy is missing: deploy/packages tests")
    return found
