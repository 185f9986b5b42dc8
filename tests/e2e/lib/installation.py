# SPDX-License-Identifier: Apache-2.0
"""A whole installation for a test: signed zone, chancery init and up, web server for http-01.

    with Installation(fronts=2) as ca:
        client = ca.client()
        ...

Everything lies in a directory below TMPDIR and ends with the block.  The clock and the fault points
of the test build are in reach: ca.advance(61), ca.arm("worker.after-claim")."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("CHY_SOURCE", pathlib.Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(SOURCE / "tests" / "acme_client"))
import acme  # noqa: E402

PREFIX = pathlib.Path(os.environ.get("CHY_PREFIX", "/nonexistent"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Installation:
    def __init__(self, fronts=1, workers=1, load=("dns",), module_dirs=(), arguments=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ca.", dir=os.environ.get("TMPDIR", "/tmp")))
        self.dir.chmod(0o755)
        self.fronts, self.workers, self.load = fronts, workers, load
        self.module_dirs, self.arguments = module_dirs, arguments
        self.port, self.public_port = free_port(), free_port()
        self.home = self.dir / "ca"
        self.node = self.home / "node.yaml"
        self.faults, self.clock = self.dir / "faults", self.dir / "clock"
        self.faults.mkdir(mode=0o777)
        self.faults.chmod(0o777)
        self.clock.write_text("0")
        self.clock.chmod(0o644)
        self.offset = 0
        self.web = acme.Http01Server(0)
        self.env = dict(os.environ, CHY_FAULT_DIR=str(self.faults), CHY_CLOCK_FILE=str(self.clock))

    def __enter__(self):
        try:
            self.start_zones()
            self.init()
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.node.exists():
            self.run("down", check=False)
        self.web.close()
        self.zones("zones_stop", check=False)
        if not os.environ.get("CHY_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    # ---- parts ----

    def zones(self, command, check=True):
        script = f". '{SOURCE}/deploy/lib/zones.sh'; {command}"
        env = dict(self.env, ZONES_DIR=str(self.dir / "zones"))
        return subprocess.run(["bash", "-euc", script], env=env, check=check, text=True,
                              stdout=subprocess.PIPE).stdout

    def start_zones(self):
        out = self.zones(f"zones_start '{self.dir}/zones' 0 >/dev/null; echo $ZONES_PORT; zones_ds")
        self.zones_port, self.ds = out.splitlines()[:2]

    def run(self, *arguments, check=True, capture=True):
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), *arguments[:1], "--node",
                               str(self.node), *arguments[1:]], env=self.env, text=True,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE if capture else None,
                              stderr=subprocess.STDOUT if capture else None)
        if check and done.returncode != 0:
            raise RuntimeError(f"chancery {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout or ""

    def init(self):
        words = ["init", "--dir", self.home, "--host", "localhost", "--port", self.port,
                 "--public-port", self.public_port, "--dns-suffix", "chancery.example",
                 "--stub", f"chancery.example=127.0.0.1@{self.zones_port}",
                 "--trust-anchor", self.ds, "--allow-private", "127.0.0.0/8",
                 "--http-port", self.web.port, "--fronts", self.fronts, "--workers", self.workers]
        for name in self.load:
            words += ["--load", name]
        for directory in self.module_dirs:
            words += ["--modules-dir", directory]
        words += list(self.arguments)
        done = subprocess.run([str(PREFIX / "bin" / "chancery"), *map(str, words)], env=self.env,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"chancery init: exit {done.returncode}\n{done.stdout}")

    def up(self):
        return self.run("up")

    def down(self):
        return self.run("down")

    # ---- what tests reach for ----

    @property
    def directory(self):
        return f"https://localhost:{self.port}/directory"

    @property
    def root(self):
        return next(p for p in (self.home / "root.pem", self.home / "data" / "root.pem") if p.exists())

    def client(self, **options):
        return acme.Client(self.directory, str(self.root), **options)

    def advance(self, seconds):
        self.offset += seconds
        fresh = self.clock.with_suffix(".new")  # whole or not at all: an empty file is the year before
        fresh.write_text(str(self.offset))
        fresh.chmod(0o644)
        fresh.replace(self.clock)

    def arm(self, point):
        (self.faults / point).touch()  # whoever dies of it removes it: the directory is everybody's

    def disarm(self):
        left = [p.name for p in self.faults.iterdir()]
        for p in self.faults.iterdir():
            p.unlink(missing_ok=True)
        return left

    def sql(self, query):
        """Rows of a query, as lists of text, read as the database's owner."""
        user = ["runuser", "-u", "chancery", "--"] if os.geteuid() == 0 else []
        out = subprocess.run([*user, "psql", "-X", "-A", "-t", "-F", "\t", "-h",
                              str(self.home / "run" / "pg"), "-U", "chancery_owner", "-d", "chancery",
                              "-v", "ON_ERROR_STOP=1", "-c", query], text=True, cwd="/",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if out.returncode != 0:
            raise RuntimeError(out.stderr)
        return [line.split("\t") for line in out.stdout.splitlines()]

    def processes(self):
        """{name: [pid, ...]} from chancery status."""
        state = json.loads(self.run("status", "--json", check=False))
        found = {}
        for p in state["processes"]:
            found.setdefault(p["name"].rstrip("0123456789-"), []).append(p["pid"])
        return found

    def running(self):
        """Processes that run from or in this installation's place, as ps shows them; whatever chancery
        status thinks.  A name server and the test itself are not meant."""
        out = subprocess.run(["ps", "axo", "stat=,pid=,args="], text=True,
                             stdout=subprocess.PIPE).stdout
        return [line for line in out.splitlines() if f"{self.home}/" in line and line[0] != "Z"
                and "named" not in line and "_test.py" not in line]

    def signatures(self):
        log = next(self.home.rglob("signatures.log"))
        return [json.loads(line) for line in log.read_text().splitlines()]


class Report:
    """ok / not ok lines, and the total at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def count(self, good):
        self.passed += bool(good)
        self.failed += not good
        return good

    def check(self, name, good, why=""):
        print(f"ok {name}" if good else f"not ok {name}" + (f" - {why}" if why else ""), flush=True)
        return self.count(good)

    def end(self):
        if acme.WIRE is not None and acme.WIRE.armed:
            self.count(acme.WIRE.report())
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)
