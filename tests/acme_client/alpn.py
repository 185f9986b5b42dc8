# SPDX-License-Identifier: Apache-2.0
"""A TLS server that answers tls-alpn-01 (RFC 8737), right or wrong, and keeps what was asked of it.

    server = AlpnServer("127.0.0.1", 0)
    server.answers["a.example"] = certificate("a.example", key_authorization)
"""
import datetime
import hashlib
import ipaddress
import socket
import ssl
import struct
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PROTOCOL = "acme-tls/1"
ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31"


def server_name(value):
    """What a validator says for an identifier: the name, or the reverse name of an address."""
    try:
        return ipaddress.ip_address(value).reverse_pointer
    except ValueError:
        return value


def general_name(value):
    try:
        return x509.IPAddress(ipaddress.ip_address(value))
    except ValueError:
        return x509.DNSName(value)


def certificate(value, key_authorization, names=None, critical=True, oid=ACME_IDENTIFIER, rsa_key=False,
                issuer=None):
    """PEM of key and certificate.  names: other GeneralNames than the identifier's own."""
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    digest = hashlib.sha256(key_authorization.encode()).digest()
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tls-alpn-01")])
    signer = own if issuer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    now = datetime.datetime(2020, 1, 1)
    san = x509.SubjectAlternativeName(names if names is not None else [general_name(value)])
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x04\x20" + digest)
    builder = (x509.CertificateBuilder().subject_name(own).issuer_name(signer).serial_number(1)
               .public_key(key.public_key()).not_valid_before(now)
               .not_valid_after(now + datetime.timedelta(days=1))
               .add_extension(san, critical=False).add_extension(extension, critical=critical))
    made = builder.sign(key, hashes.SHA256())
    return (key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()) +
            made.public_bytes(serialization.Encoding.PEM))


def context_of(pem, protocols, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as f:
        f.write(pem)
        f.flush()
        context.load_cert_chain(f.name)
    if protocols:
        context.set_alpn_protocols(protocols)
    if version and version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def hello(octets):
    """Server names and protocols of a ClientHello (RFC 8446 section 4.1.2), as lists of text."""
    names, protocols = [], []
    at = 5 + 4 + 2 + 32            # record, handshake, version, random
    at += 1 + octets[at]           # session
    at += 2 + struct.unpack_from(">H", octets, at)[0]   # cipher suites
    at += 1 + octets[at]           # compression
    end = at + 2 + struct.unpack_from(">H", octets, at)[0]
    at += 2
    while at + 4 <= end:
        kind, size = struct.unpack_from(">HH", octets, at)
        body = octets[at + 4:at + 4 + size]
        at += 4 + size
        i = 2                      # both extensions hold one list
        while kind in (0, 16) and i < len(body):
            n = struct.unpack_from(">H", body, i + 1)[0] if kind == 0 else body[i]
            i += 3 if kind == 0 else 1
            (names if kind == 0 else protocols).append(body[i:i + n].decode("ascii", "replace"))
            i += n
    return names, protocols


class AlpnServer:
    """answers: server name -> PEM; hellos: (server names, protocols) of every client.  protocols: what
    the server speaks; [] is none.  mute: takes the hello and says nothing."""

    def __init__(self, address, port, protocols=(PROTOCOL,), version=None):
        self.answers, self.hellos = {}, []
        self.protocols, self.version, self.mute = list(protocols), version, False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.stopped.is_set():
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            client.settimeout(10)
            try:
                names, protocols = hello(client.recv(16384, socket.MSG_PEEK))
                self.hellos.append((names, protocols))
                pem = self.answers.get(names[0] if names else None)
                if self.mute:
                    self.stopped.wait(60)
                if pem is None:
                    return
                context = context_of(pem, self.protocols, self.version)
                with context.wrap_socket(client, server_side=True) as tls:
                    tls.recv(1)    # close_notify
            except (OSError, IndexError, struct.error):
                """A client that hangs up or does not speak TLS is no news."""

    def close(self):
        self.stopped.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
