#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An ACME client (RFC 8555) for tests: says exactly what a test wants said, right or wrong.

Needs Debian's python3, python3-cryptography and python3-jsonschema.  Clients share nothing but WIRE, so
one per thread may run in parallel; one client may be used from several threads, each has its own
connection.  WIRE holds every answer against schemas/ and reports at the end of the process;
CHY_WIRE=off in the environment is for servers that are not Chancery.

    web = Http01Server(5002)
    c = Client("https://localhost:14000/directory", "root.pem")
    c.register()
    pem, key = c.issue(["a.chancery.example"], web)
"""
import base64
import collections
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
import wire  # noqa: E402

WIRE = None if os.environ.get("CHY_WIRE") == "off" else wire.Wire(wire.Schemas())
AUTO = object()    # "as a well-behaved client does it"
REMOVE = object()  # leave this header member out
URN = "urn:ietf:params:acme:error:"
CURVES = {"ES256": (ec.SECP256R1, "P-256", 32, hashes.SHA256),
          "ES384": (ec.SECP384R1, "P-384", 48, hashes.SHA384)}


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":"))


# ---- keys ---------------------------------------------------------------------------------------

def new_key(alg="ES256", bits=2048):
    if alg in CURVES:
        return ec.generate_private_key(CURVES[alg][0]())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def alg_of(key):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256" if key.curve.name == "secp256r1" else "ES384"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def int_octets(n):
    return n.to_bytes((n.bit_length() + 7) // 8 or 1, "big")


def jwk_of(key):
    public = key.public_key()
    alg = alg_of(key)
    if alg in CURVES:
        n, (_, crv, width, _) = public.public_numbers(), CURVES[alg]
        return {"kty": "EC", "crv": crv, "x": b64(n.x.to_bytes(width, "big")),
                "y": b64(n.y.to_bytes(width, "big"))}
    if alg == "RS256":
        n = public.public_numbers()
        return {"kty": "RSA", "n": b64(int_octets(n.n)), "e": b64(int_octets(n.e))}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}


def thumbprint(key):
    text = json.dumps(jwk_of(key), sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def sign_octets(key, message):
    """The signature as JOSE wants it: R and S side by side for EC."""
    alg = alg_of(key)
    if alg in CURVES:
        _, _, width, md = CURVES[alg]
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(md())))
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    if alg == "RS256":
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message)


def sign_jws(key, header, payload):
    """header: dict or raw octets; payload: octets.  A flattened JWS as a dict."""
    raw = header if isinstance(header, bytes) else compact(header).encode()
    protected, body = b64(raw), b64(payload)
    return {"protected": protected, "payload": body,
            "signature": b64(sign_octets(key, f"{protected}.{body}".encode()))}


def payload_octets(payload):
    """None: POST-as-GET; octets as they are; anything else as JSON."""
    if payload is None:
        return b""
    return payload if isinstance(payload, bytes) else compact(payload).encode()


# ---- requests for certificates ------------------------------------------------------------------

def csr(names, key=None, cn=None, sans=None, extensions=(), md=hashes.SHA256):
    """DER and key.  names: DNS names of the subjectAltName; sans: further GeneralNames; cn: subject
    CN; extensions: (extension, critical) pairs."""
    key = key or new_key("ES256")
    subject = [] if cn is None else [x509.NameAttribute(NameOID.COMMON_NAME, cn)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    general = [x509.DNSName(n) for n in names] + list(sans or ())
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    request = builder.sign(key, None if alg_of(key) == "EdDSA" else md())
    return request.public_bytes(serialization.Encoding.DER), key


def certificates(pem):
    """The certificates of a PEM chain."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.S)
    return [x509.load_pem_x509_certificate(b.encode()) for b in blocks]


# ---- HTTP ---------------------------------------------------------------------------------------

class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name, default=None):
        return self.headers.get(name, default)

    def all(self, name):
        return self.headers.get_all(name) or []

    def links(self, rel):
        """Targets of the Link headers with that relation."""
        found = []
        for line in self.all("Link"):
            for target, params in re.findall(r"<([^>]*)>([^,<]*)", line):
                if re.search(r';\s*rel="?%s"?\s*(;|$)' % re.escape(rel), params):
                    found.append(target)
        return found

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def problem(self):
        """The problem's type without the ACME prefix; None if the body is no problem document."""
        body = self.json
        kind = body.get("type") if isinstance(body, dict) else None
        if not isinstance(kind, str) or not kind.startswith(URN):
            return None
        return kind[len(URN):]

    @property
    def detail(self):
        body = self.json
        return body.get("detail", "") if isinstance(body, dict) else ""

    @property
    def retry_after(self):
        value = self.header("Retry-After", "")
        return int(value) if value.isdigit() else None

    def __repr__(self):
        return f"<{self.status} {self.header('Content-Type')} {self.text[:300]}>"


class AcmeError(Exception):
    def __init__(self, what, response):
        super().__init__(f"{what}: {response!r}")
        self.response = response


class Transport:
    """Keep-alive connections, one for each thread and origin.  via: an origin URL to which requests
    go, whatever they name (another front of the same service)."""

    def __init__(self, ca_file, via=None, timeout=30):
        self.context = ssl.create_default_context(cafile=ca_file)
        self.via = urllib.parse.urlsplit(via) if via else None
        self.timeout = timeout
        self.local = threading.local()
        if WIRE is not None:
            WIRE.arm()

    def connection(self, parts):
        pool = self.local.__dict__.setdefault("pool", {})
        where = self.via or parts
        at = (where.scheme, where.hostname, where.port)
        if at not in pool:
            if where.scheme == "https":
                pool[at] = http.client.HTTPSConnection(
                    where.hostname, where.port, timeout=self.timeout, context=self.context)
            else:
                pool[at] = http.client.HTTPConnection(where.hostname, where.port,
                                                      timeout=self.timeout)
        return pool[at]

    def close(self):
        for connection in self.local.__dict__.get("pool", {}).values():
            connection.close()
        self.local.__dict__["pool"] = {}

    def request(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection = self.connection(parts)
        fresh = connection.sock is None
        headers = dict(headers or {})
        headers.setdefault("Host", parts.netloc)
        headers.setdefault("User-Agent", "chancery-tests")
        try:
            return self.exchange(connection, method, target, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
            connection.close()
            if fresh:
                raise
            # The server closed an idle connection; if it had answered, the nonce's refusal says so.
            return self.exchange(connection, method, target, body, headers)

    @staticmethod
    def exchange(connection, method, target, body, headers):
        try:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            got = Response(answer.status, answer.headers, answer.read())
        except Exception:
            connection.close()
            raise
        if WIRE is not None:
            WIRE.look(method, target, body, got.status, got.header("Content-Type"), got.body)
        return got


# ---- the client ---------------------------------------------------------------------------------

class Client:
    """kid is set by register(); nonce_retries counts how often the server said badNonce to a nonce
    that it had given."""

    def __init__(self, directory_url, ca_file, key=None, alg="ES256", via=None, timeout=30):
        self.directory_url = directory_url
        self.http = Transport(ca_file, via, timeout)
        self.key = key or new_key(alg)
        self.kid = None
        self.nonces = collections.deque()
        self.nonce_retries = 0
        self.known = None

    @property
    def directory(self):
        if self.known is None:
            answer = self.http.request("GET", self.directory_url)
            if answer.status != 200 or not isinstance(answer.json, dict):
                raise AcmeError("directory", answer)
            self.known = answer.json
        return self.known

    @property
    def meta(self):
        return self.directory.get("meta", {})

    def new_nonce(self):
        answer = self.http.request("HEAD", self.directory["newNonce"])
        nonce = answer.header("Replay-Nonce")
        if nonce is None:
            raise AcmeError("newNonce", answer)
        return nonce

    def nonce(self):
        try:
            return self.nonces.pop()
        except IndexError:
            return self.new_nonce()

    def header(self, url, key=None, kid=AUTO, nonce=AUTO, changes=None):
        """A protected header; kid None: with the key's jwk."""
        key = key or self.key
        kid = self.kid if kid is AUTO else kid
        out = {"alg": alg_of(key), "nonce": self.nonce() if nonce is AUTO else nonce, "url": url}
        if kid is None:
            out["jwk"] = jwk_of(key)
        else:
            out["kid"] = kid
        out.update(changes or {})
        return {name: value for name, value in out.items() if value is not REMOVE}

    def sign(self, url, payload=None, **options):
        """A signed request as a dict; options as of header()."""
        key = options.get("key") or self.key
        return sign_jws(key, self.header(url, **options), payload_octets(payload))

    def send(self, url, body, content_type="application/jose+json", headers=None):
        """POST a body as it is: octets, text, or a dict that becomes JSON.  content_type None: no
        such header."""
        if isinstance(body, dict):
            body = compact(body)
        if isinstance(body, str):
            body = body.encode()
        sent = dict(headers or {})
        if content_type is not None:
            sent["Content-Type"] = content_type
        answer = self.http.request("POST", url, body, sent)
        if answer.header("Replay-Nonce"):
            self.nonces.append(answer.header("Replay-Nonce"))
        return answer

    def post(self, url, payload=None, to=None, mutate=None, raw_header=None, retry=True, **options):
        """Sign and POST.  payload None: POST-as-GET.  to: send it elsewhere than url says.  mutate:
        changes the JWS (a dict) before it goes; may return text.  raw_header: octets instead of a
        header.  changes: {"member": value or REMOVE} of the header.  Repeated once on badNonce if the
        nonce was ours to choose."""
        ours = options.get("nonce", AUTO) is AUTO and raw_header is None
        for attempt in (1, 2):
            if raw_header is not None:
                jws = sign_jws(options.get("key") or self.key, raw_header, payload_octets(payload))
            else:
                jws = self.sign(url, payload, **options)
            answer = self.send(to or url, mutate(jws) if mutate else jws)
            if answer.problem != "badNonce" or not ours or not retry or attempt == 2:
                return answer
            self.nonce_retries += 1

    def get(self, url, **options):
        """POST-as-GET; raises unless it is answered 200."""
        return self.must("read " + url, self.post(url, None, **options), 200)

    @staticmethod
    def must(what, answer, *statuses):
        if answer.status not in statuses:
            raise AcmeError(what, answer)
        return answer

    # What a client does, in order.

    def register(self, contact=None, agree=True, **members):
        payload = dict(members, termsOfServiceAgreed=agree)
        if contact is not None:
            payload["contact"] = contact
        answer = self.post(self.directory["newAccount"], payload, kid=None)
        self.must("newAccount", answer, 200, 201)
        self.kid = answer.header("Location")
        return answer

    def order(self, names, **members):
        """newOrder for DNS names (or identifier objects); the order with its URL as "url"."""
        identifiers = [n if isinstance(n, dict) else {"type": "dns", "value": n} for n in names]
        answer = self.post(self.directory["newOrder"], dict(members, identifiers=identifiers))
        self.must("newOrder", answer, 201)
        return dict(answer.json, url=answer.header("Location"))

    def authorizations(self, order):
        return [dict(self.get(url).json, url=url) for url in order["authorizations"]]

    @staticmethod
    def challenge(authorization, kind="http-01"):
        for challenge in authorization["challenges"]:
            if challenge["type"] == kind:
                return challenge
        raise LookupError(f"no {kind} in {authorization}")

    def key_authorization(self, token):
        return f"{token}.{thumbprint(self.key)}"

    def txt_value(self, token):
        """Value of the TXT record of dns-01."""
        return b64(hashlib.sha256(self.key_authorization(token).encode()).digest())

    def answer(self, challenge_url):
        return self.must("answer the challenge", self.post(challenge_url, {}), 200)

    def poll(self, url, until=("valid", "invalid"), timeout=60, longest=5):
        """Read until the status is one of those; obeys Retry-After up to longest seconds."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.get(url)
            if answer.json.get("status") in until:
                return answer.json
            if time.monotonic() > deadline:
                raise AcmeError(f"{url} is not {'/'.join(until)} after {timeout} s", answer)
            time.sleep(min(answer.retry_after or 0.2, longest))

    def validate(self, order, web, kind="http-01", timeout=60):
        """Answer what is pending with web; returns the order when it is ready (or invalid)."""
        for authorization in self.authorizations(order):
            if authorization["status"] == "valid":
                continue
            challenge = self.challenge(authorization, kind)
            web.tokens[challenge["token"]] = self.key_authorization(challenge["token"])
            self.answer(challenge["url"])
            done = self.poll(authorization["url"], timeout=timeout)
            if done["status"] != "valid":
                raise AssertionError(f"authorization failed: {compact(done)}")
        url = order["url"]
        return dict(self.poll(url, until=("ready", "invalid"), timeout=timeout), url=url)

    def finalize(self, order, der, timeout=60):
        answer = self.post(order["finalize"], {"csr": b64(der)})
        self.must("finalize", answer, 200)
        done = self.poll(order["url"], timeout=timeout)
        if done["status"] != "valid":
            raise AssertionError(f"order failed: {compact(done)}")
        return dict(done, url=order["url"])

    def download(self, order):
        return self.get(order["certificate"]).text

    def issue(self, names, web, key=None, kind="http-01"):
        """The whole way; PEM chain and the certificate's key."""
        order = self.validate(self.order(names), web, kind)
        der, key = csr(names, key)
        return self.download(self.finalize(order, der)), key


# ---- the client's web server --------------------------------------------------------------------

class Http01Server:
    """Serves tokens (token -> key authorization) and keeps the paths and hosts it was asked for."""

    def __init__(self, port, address="127.0.0.1"):
        self.tokens, self.asked, self.hosts = {}, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.hosts.append(self.headers.get("Host"))
                token = self.path.rpartition("/")[2]
                known = self.path.startswith("/.well-known/acme-challenge/")
                text = outer.tokens.get(token) if known else None
                body = (text or "not here").encode()
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def handle_error(self, *_):
                """A validator that was killed hangs up; that is no news."""

        self.server = Server((address, port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
