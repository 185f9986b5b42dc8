#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates for IPv4 and IPv6 addresses from an installed CA, by http-01 and by tls-alpn-01, alone and
beside names; and what is refused: core.md T-I-01 to T-I-07."""
import ipaddress
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("CHY_SOURCE", pathlib.Path(__file__).resolve().parents[3]))
sys.path[:0] = [str(SOURCE / "tests" / "e2e" / "lib"), str(SOURCE / "tests" / "acme_client")]
from installation import Installation, Report, acme, wait_for  # noqa: E402
import alpn  # noqa: E402
from cryptography import x509  # noqa: E402

PROFILE = """\
description: "Addresses and names"
issuer: web-1
identifiers:
  ip: { ranges: ["127.0.0.0/29", "::1", "0.0.0.0/0", "::/0"] }
  dns: { names: ["*.chancery.example"] }
challenges: [http-01, dns-01, tls-alpn-01]
keys: [ec-p256]
lifetime: { default: 6d, max: 6d }
key-usage: [digitalSignature]
extended-key-usage: [serverAuth]
"""
V4, V6 = "127.0.0.1", "::1"


def ident(value):
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return {"type": "dns", "value": value}
    return {"type": "ip", "value": value}


class Place:
    """An installation and, at every address, a web server and a TLS server for challenges."""

    def __init__(self):
        self.tls = {V4: alpn.AlpnServer(V4, 0)}
        self.tls[V6] = alpn.AlpnServer(V6, self.tls[V4].port)
        self.ca = Installation(load=("dns", "ip"), arguments=(
            "--allow-private", "::1/128", "--https-port", str(self.tls[V4].port)))
        self.web = {V4: self.ca.web, V6: acme.Http01Server(self.ca.web.port, V6)}
        original = self.ca.init

        def init():
            original()
            profile = self.ca.home / "policy" / "profiles" / "ip.yaml"
            profile.write_text(PROFILE)
            profile.chmod(0o644)
            server = self.ca.home / "policy" / "chancery.yaml"  # uacme asks for no profile
            server.write_text(server.read_text().replace("default-profile: web", "default-profile: ip"))
        self.ca.init = init

    def __enter__(self):
        self.ca.__enter__()
        return self

    def __exit__(self, *reason):
        self.ca.__exit__(*reason)
        self.web[V6].close()
        for server in self.tls.values():
            server.close()


def prepare(place, client, authorization, kind, **wrong):
    """Put the answer where the validator looks: at the address, or where the zone's names lead."""
    value = authorization["identifier"]["value"]
    at = value if value in place.web else V4
    challenge = client.challenge(authorization, kind)
    proof = client.key_authorization(challenge["token"])
    if kind == "http-01":
        place.web[at].tokens[challenge["token"]] = proof
    else:
        place.tls[at].answers[alpn.server_name(value)] = alpn.certificate(value, proof, **wrong)
    client.answer(challenge["url"])
    return challenge["url"]


def ready(place, client, values, kind_of):
    order = client.order([ident(v) for v in values], profile="ip")
    for authorization in client.authorizations(order):
        if authorization["status"] != "valid":
            prepare(place, client, authorization, kind_of(authorization["identifier"]["value"]))
    done = client.poll(order["url"], until=("ready", "invalid"))
    if done["status"] != "ready":
        raise AssertionError(str(done))
    return dict(done, url=order["url"])


def request(values):
    names = [v for v in values if ident(v)["type"] == "dns"]
    sans = [x509.IPAddress(ipaddress.ip_address(v)) for v in values if v not in names]
    return acme.csr(names, sans=sans)[0]


def issue(place, client, values, kind_of):
    order = ready(place, client, values, kind_of)
    return client.download(client.finalize(order, request(values)))


def names_of(pem):
    leaf = acme.certificates(pem)[0]
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted([str(a) for a in san.get_values_for_type(x509.IPAddress)] +
                  san.get_values_for_type(x509.DNSName))


def verifies(ca, pem, directory, address):
    """OpenSSL, which knows nothing of us, accepts the chain for that address."""
    chain = pathlib.Path(directory) / "chain.pem"
    chain.write_text(pem)
    done = subprocess.run(["openssl", "verify", "-CAfile", str(ca.root), "-untrusted", str(chain),
                           "-verify_ip", address, "-purpose", "sslserver", str(chain)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def happy(place, report):
    for value in (V4, V6):
        for kind in ("http-01", "tls-alpn-01"):
            client = place.ca.client()
            client.register()
            pem = issue(place, client, [value], lambda _: kind)
            good, text = verifies(place.ca, pem, place.ca.dir, value)
            report.check(f"T-I-01 {value} is certified by {kind}, and openssl verifies it",
                         names_of(pem) == [value] and good, text)
    report.check("I-03 the Host of an IPv4 address is its text",
                 place.web[V4].hosts[-1] in (V4, f"{V4}:{place.web[V4].port}"),
                 str(place.web[V4].hosts))
    report.check("I-03 the Host of an IPv6 address is in brackets",
                 place.web[V6].hosts[-1] in (f"[{V6}]", f"[{V6}]:{place.web[V6].port}"),
                 str(place.web[V6].hosts))
    report.check("T-I-05 the server names are reverse names, the protocol is one",
                 place.tls[V4].hellos[-1] == (["1.0.0.127.in-addr.arpa"], ["acme-tls/1"]) and
                 place.tls[V6].hellos[-1] == (["1." + "0." * 31 + "ip6.arpa"], ["acme-tls/1"]),
                 f"{place.tls[V4].hellos} {place.tls[V6].hellos}")


def mixed(place, report):
    client = place.ca.client()
    client.register()
    values = ["w.chancery.example", V4, V6]
    place.ca.zones("zones_update ADD w A 127.0.0.1")
    pem = issue(place, client, values, lambda v: "http-01" if v == V6 else "tls-alpn-01")
    report.check("an order mixes a name and addresses, proved by different challenges",
                 names_of(pem) == sorted(values), str(names_of(pem)))
    grants = place.ca.sql(
        "SELECT ident_value, grant_facts->>'method', grant_facts->'hop'->>'address', "
        "grant_facts->'hop'->>'dnssec' FROM authorizations WHERE status = 'valid' AND method = 'tls-alpn-01'")
    report.check("the grant of tls-alpn-01 keeps the address and whether DNSSEC vouched for it",
                 ["w.chancery.example", "tls-alpn-01", "127.0.0.1", "secure"] in grants, str(grants))


def offers(place, report):
    client = place.ca.client()
    client.register()
    order = client.order([ident(V4), ident("w.chancery.example")], profile="ip")
    kinds = {a["identifier"]["type"]: sorted(c["type"] for c in a["challenges"])
             for a in client.authorizations(order)}
    report.check("T-I-04 an address is offered no DNS challenge, a name is",
                 kinds == {"ip": ["http-01", "tls-alpn-01"],
                           "dns": ["dns-01", "http-01", "tls-alpn-01"]}, str(kinds))


def refusals(place, report):
    client = place.ca.client()
    client.register()

    def order(identifier, profile="ip"):
        return client.post(client.directory["newOrder"],
                           {"profile": profile, "identifiers": [identifier]})
    for value, word in (("192.0.2.01", "address"), ("::FFFF:0:1", "IPv4"), ("2001:DB8::1", "2001:db8::1"),
                        ("2001:db8:0:0::1", "2001:db8::1"), ("fe80::1%eth0", "zone"),
                        ("1.2.3.4/32", "prefix"), ("1.2.3", "address"), ("[::1]", "brackets")):
        answer = order({"type": "ip", "value": value})
        report.check(f"T-I-02 {value} is malformed and the refusal says why",
                     answer.problem == "malformed" and word in answer.detail, repr(answer))
    answer = order({"type": "dns", "value": "192.0.2.1"})
    report.check("T-I-03 an address of type dns is a rejected identifier",
                 answer.problem == "rejectedIdentifier", repr(answer))
    for value in ("127.0.0.8", "10.0.0.1", "::2", "fd00::1", "169.254.169.254"):
        answer = order({"type": "ip", "value": value})
        report.check(f"T-I-07 {value}, of special use and not named by the profile, is rejected",
                     answer.problem in ("rejectedIdentifier", "malformed") and answer.status == 400,
                     repr(answer))
    answer = order(ident(V4), profile="web")
    report.check("a profile without a rule for addresses takes none",
                 answer.problem == "rejectedIdentifier", repr(answer))


def wrong_requests(place, report):
    client = place.ca.client()
    client.register()
    order = client.order([ident(V4)], profile="ip")
    for authorization in client.authorizations(order):
        prepare(place, client, authorization, "http-01")
    client.poll(order["url"], until=("ready", "invalid"))
    address = x509.IPAddress(ipaddress.ip_address(V4))
    other = x509.IPAddress(ipaddress.ip_address("127.0.0.2"))
    for what, der in (
            ("the address as a dNSName", acme.csr([V4])[0]),
            ("the address as a dNSName besides", acme.csr([V4], sans=[address])[0]),
            ("the address as common name alone", acme.csr([], cn=V4)[0]),
            ("another address as common name", acme.csr([], cn="127.0.0.2", sans=[address])[0]),
            ("another address", acme.csr([], sans=[other])[0]),
            ("an address too many", acme.csr([], sans=[address, other])[0]),
            ("no address", acme.csr(["w.chancery.example"])[0])):
        answer = client.post(order["finalize"], {"csr": acme.b64(der)})
        report.check(f"T-I-06 a request with {what} is badCSR", answer.problem == "badCSR",
                     repr(answer))
    done = client.finalize(order, acme.csr([], cn=V4, sans=[address])[0])
    leaf = acme.certificates(client.download(done))[0]
    report.check("and the right one is still taken after them, its common name left out",
                 done["status"] == "valid" and not leaf.subject.rdns, str(leaf.subject))


def wrong_answers(place, report):
    """Every order in flight at once: each is tried three times before it is given up."""
    client = place.ca.client()
    client.register()
    stranger = x509.IPAddress(ipaddress.ip_address("127.0.0.9"))
    cases = [
        (V6, "tls-alpn-01", {"names": [stranger]}, "is not the identifier"),
        ("127.0.0.1", "tls-alpn-01", {"critical": False}, "is not critical"),
    ]
    flying = []
    for value, kind, wrong, why in cases:
        one = place.ca.client()
        one.register()
        order = one.order([ident(value)], profile="ip")
        url = prepare(place, one, one.authorizations(order)[0], kind, **wrong)
        flying.append((one, order, url, value, why))
    one = place.ca.client()
    one.register()
    order = one.order([ident("127.0.0.2")], profile="ip")
    url = prepare(place, one, one.authorizations(order)[0], "http-01")
    flying.append((one, order, url, "127.0.0.2", "127.0.0.2"))
    for one, order, url, value, why in flying:
        done = one.poll(order["url"], until=("ready", "invalid"), timeout=120)
        error = one.get(url).json.get("error", {})
        report.check(f"{value}: a wrong answer ends invalid, and the error says: {why}",
                     done["status"] == "invalid" and why in error.get("detail", ""), str(error))


HOOK = """#!/bin/sh
[ "$2" = tls-alpn-01 ] || exit 1
case $1 in begin) word="auth $3 $5" ;; *) word="unauth $3" ;; esac
[ "$(echo "$word" | ualpn -s {socket})" = OK ]
"""


def uacme_and_ualpn(place, report):
    """Debian's uacme with its own responder, neither of which is ours.  It knows no option for a CA, so
    it runs where the system's bundle is ours."""
    home = place.ca.dir / "uacme"
    home.mkdir()
    hook, socket, port = home / "hook", home / "s", place.tls[V4].port
    hook.write_text(HOOK.format(socket=socket))
    hook.chmod(0o755)
    for server in place.tls.values():
        server.close()
    ualpn = subprocess.Popen(["ualpn", "-b", f"{V4}@{port}", "-b", f"{V6}@{port}", "-c", f"{V4}@1",
                              "-s", str(socket), "-p", str(home / "pid")], stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        wait_for("ualpn", socket.exists)
        script = (f"mount --bind '{place.ca.root}' /etc/ssl/certs/ca-certificates.crt && "
                  f"uacme -v -y -c '{home}' -a '{place.ca.directory}' new && "
                  f"uacme -v -c '{home}' -a '{place.ca.directory}' -h '{hook}' -t EC issue {V4} {V6}")
        done = subprocess.run(["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script],
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        pem = home / V4 / "cert.pem"
        report.check("uacme gets a certificate for both addresses, proved by ualpn",
                     done.returncode == 0 and names_of(pem.read_text()) == sorted([V4, V6]),
                     done.stdout[-2000:])
    finally:
        ualpn.terminate()
        ualpn.wait()


def ceilings(place, report):
    """The signer has the last word: with permitted-ip it signs no other address."""
    path = place.ca.home / "ceilings.yaml"
    text = path.read_text()
    report.check("init writes a place for the signer's ranges", "# permitted-ip: [" in text, text)
    place.ca.down()
    path.write_text(text + '    permitted-ip: ["127.0.0.0/8"]\n')
    place.ca.up()
    client = place.ca.client()
    client.register()
    pem = issue(place, client, [V4], lambda _: "http-01")
    report.check("an address within permitted-ip is signed", names_of(pem) == [V4])
    before = len(place.ca.signatures())
    order = ready(place, client, [V6], lambda _: "http-01")
    client.post(order["finalize"], {"csr": acme.b64(request([V6]))})
    state = client.get(order["url"]).json
    report.check("one outside of it is not: the signer's log has no more lines, the order no certificate",
                 len(place.ca.signatures()) == before and state["status"] != "valid" and
                 "certificate" not in state, str(state))


def samples(place, report):
    policy = place.ca.home / "policy" / "profiles" / "address.yaml"
    checked = place.ca.run("policy", "check", check=False)
    report.check("init with the module brings its sample profile, which is valid policy",
                 policy.exists() and ": right;" in checked, checked)
    client = place.ca.client()
    client.register()
    answer = client.post(client.directory["newOrder"], {
        "profile": "address", "identifiers": [ident("10.9.8.7"), ident(V4)]})
    report.check("the sample profile takes private addresses and not loopback",
                 answer.problem == "rejectedIdentifier" and V4 in answer.detail, repr(answer))


def main():
    report = Report()
    with Place() as place:
        happy(place, report)
        mixed(place, report)
        offers(place, report)
        refusals(place, report)
        wrong_requests(place, report)
        wrong_answers(place, report)
        samples(place, report)
        uacme_and_ualpn(place, report)
        ceilings(place, report)
    report.end()


main()
