#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A module that the core has never heard of, built out of tree from a tarball of the installed header
alone, issues a certificate; when its own validation fails there is none; built for another ABI it is
refused with its own message."""
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from installation import Installation, PREFIX, Report, SOURCE, acme  # noqa: E402
from cryptography import x509  # noqa: E402

PROFILE = """\
description: "Toys"
issuer: web-1
identifiers: { toy: { words: [ball, kite] } }
challenges: [toy-01]
keys: [ec-p256]
lifetime: { default: 7d, max: 7d }
key-usage: [digitalSignature]
extended-key-usage: []
"""


class Workshop:
    """Where a stranger builds: the header tarball, the toy's source, no network, nothing else."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory) / "workshop"
        sdk = self.dir / "sdk"
        sdk.mkdir(parents=True)
        pc = next(PREFIX.rglob("chancery.pc"))
        tarball = self.dir / "sdk.tar"
        with tarfile.open(tarball, "w") as tar:
            tar.add(PREFIX / "include" / "chancery", "include/chancery")
            tar.add(pc, "chancery.pc")
        with tarfile.open(tarball) as tar:
            tar.extractall(sdk)
        text = (sdk / "chancery.pc").read_text().splitlines()
        (sdk / "chancery.pc").write_text(
            "\n".join(f"prefix={sdk}" if w.startswith("prefix=") else w for w in text) + "\n")
        for name in ("toy.c", "build.sh"):
            shutil.copy(SOURCE / "tests" / "toy" / name, self.dir)

    def build(self, into, *flags):
        into = pathlib.Path(into)
        into.mkdir(mode=0o755, parents=True, exist_ok=True)
        alone = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "--"]
        subprocess.run([*alone, "./build.sh", str(into / "toy.so"), *flags], cwd=self.dir, check=True,
                       env=dict(os.environ, PKG_CONFIG_PATH=str(self.dir / "sdk")))
        (into / "toy.so").chmod(0o755)


def order_toy(client, word):
    answer = client.post(client.directory["newOrder"], {
        "profile": "toy", "identifiers": [{"type": "toy", "value": word}]})
    return answer


def play(client, word, answer_of):
    """Order a toy and answer its challenge; the order as it ends up before finalize."""
    answer = order_toy(client, word)
    client.must("newOrder", answer, 201)
    url = answer.header("Location")
    authorization = client.authorizations(dict(answer.json, url=url))[0]
    challenge = client.challenge(authorization, "toy-01")
    client.must("challenge", client.post(challenge["url"], {"answer": answer_of(challenge["token"])}),
                200)
    return dict(client.poll(url, until=("ready", "invalid")), url=url)


def toy_csr(word):
    return acme.csr([], sans=[x509.UniformResourceIdentifier(word)])


def good_toy(ca, report):
    client = ca.client()
    client.register()
    report.check("an order for a type that the core never heard of is taken",
                 order_toy(client, "toy:kite").status == 201)
    refused = order_toy(client, "toy:sword")
    report.check("the module's own rule refuses what policy does not list",
                 refused.problem == "rejectedIdentifier" or "rejectedIdentifier" in str(refused.json),
                 repr(refused))
    order = play(client, "TOY:ball", lambda token: token[::-1])
    report.check("its own challenge proves it", order["status"] == "ready", str(order))
    wrong, _ = toy_csr("toy:kite")
    refused = client.post(order["finalize"], {"csr": acme.b64(wrong)})
    report.check("a CSR for another toy is badCSR", "badCSR" in str(refused.json), repr(refused))
    der, _ = toy_csr("toy:ball")
    done = client.finalize(order, der)
    leaf = acme.certificates(client.download(done))[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    report.check("the certificate holds what the module contributed",
                 [n.value for n in names] == ["toy:ball"], str(names))


def no_certificate(ca, report, name, answer_of):
    before = ca.sql("SELECT count(*) FROM certificates")
    client = ca.client()
    client.register()
    order = play(client, "toy:kite", answer_of)
    report.check(f"{name}: the order is invalid and says why", order["status"] == "invalid" and
                 "backwards" in order["error"]["detail"], str(order))
    der, _ = toy_csr("toy:kite")
    refused = client.post(order["finalize"], {"csr": acme.b64(der)})
    report.check(f"{name}: finalize is orderNotReady", refused.status == 403, repr(refused))
    report.check(f"{name}: no certificate was recorded",
                 ca.sql("SELECT count(*) FROM certificates") == before)


def other_abi(ca, shop, report, modules):
    shop.build(modules, "-DTOY_MAJOR")
    done = subprocess.run([str(PREFIX / "bin" / "chancery"), "up", "--node", str(ca.node)],
                          env=ca.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL)
    report.check("built for another ABI major it is refused", done.returncode != 0)
    report.check("and the message names the module and the ABI",
                 "toy" in done.stdout and "ABI" in done.stdout, done.stdout)
    wait = time.monotonic() + 15
    while ca.running() and time.monotonic() < wait:
        time.sleep(0.1)
    report.check("nothing is left running", not ca.running(), str(ca.running()))


def main():
    acme.WIRE.schemas = acme.wire.Schemas(SOURCE / "tests" / "toy" / "schemas")
    report = Report()
    ca = Installation()
    shop = Workshop(ca.dir)
    modules = ca.dir / "modules"
    shop.build(modules)
    ca.module_dirs, ca.load = (modules,), ("dns", "toy")
    original_init = ca.init

    def init():
        original_init()
        profile = ca.home / "policy" / "profiles" / "toy.yaml"
        profile.write_text(PROFILE)
        profile.chmod(0o644)
    ca.init = init
    with ca:
        good_toy(ca, report)
        no_certificate(ca, report, "a wrong answer", lambda token: token)
        ca.down()
        shop.build(modules, "-DTOY_INVALID")
        ca.up()
        no_certificate(ca, report, "a module that finds everything wrong", lambda token: token[::-1])
        ca.down()
        other_abi(ca, shop, report, modules)
    report.end()


main()
