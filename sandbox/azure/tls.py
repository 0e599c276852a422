"""The sandbox's own certificate authority, for the one service whose client insists on TLS.

The keys are made here, stay in the sandbox's folder with mode 0600, and are trusted by nobody but
the processes that `signet sandbox env` tells to.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAYS = 3650
AUTHORITIES = "authorities.pem"


def context(folder: Path) -> ssl.SSLContext:
    """Return the server's side, with certificates made on first use."""
    if not (folder / AUTHORITIES).is_file():
        _make(folder)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "server.pem", folder / "server.key")
    return made


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    until = now + datetime.timedelta(days=_DAYS)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _name("Signet sandbox, this machine only")
    blank = x509.CertificateBuilder().not_valid_before(now - datetime.timedelta(days=1))
    blank = blank.not_valid_after(until).issuer_name(root)
    authority = (
        blank.subject_name(root)
        .public_key(root_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    server = (
        blank.subject_name(_name("127.0.0.1"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(
            x509.SubjectAlternativeName([address, x509.DNSName("localhost")]), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    _write(
        folder / "server.key",
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    _write(folder / "server.pem", server.public_bytes(Encoding.PEM))
    ours = authority.public_bytes(Encoding.PEM)
    # Last, because its presence says that all are there. With the public ones, because the variable
    # that names this file replaces them for everything in that shell.
    _write(folder / AUTHORITIES, Path(certifi.where()).read_bytes() + b"\n" + ours)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
