"""How clients get in: a bearer token, a certificate of the lab's own, and the kubeconfig that holds both.

TLS is not for secrecy on a loopback address: kubectl sends a bearer token over https only.
"""

from __future__ import annotations

import base64
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files in a state folder, made on the first start and kept for the next."""

    token: str
    authority: Path
    certificate: Path
    key: Path


def credentials(state: Path) -> Credentials:
    """Return the credentials of a state folder, making what is missing, readable by their owner only."""
    found = state / "tls"
    authority, certificate, key = found / "ca.crt", found / "server.crt", found / "server.key"
    token = state / "kubeapi.token"
    if not token.exists():
        _write_private(token, secrets.token_urlsafe(32).encode())
    if not key.exists():
        found.mkdir(parents=True, exist_ok=True)
        _make_certificates(authority, certificate, key)
    return Credentials(token.read_text(encoding="ascii"), authority, certificate, key)


def write_kubeconfig(
    path: Path, *, server: str, token: str, authority: Path, namespace: str = "default"
) -> None:
    """Write a kubeconfig with one context, ``lab``, for an API server at ``server`` (https)."""
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode(),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
    }
    _write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.replace(path)


def _make_certificates(authority: Path, certificate: Path, key: Path) -> None:
    """Make an authority for one certificate; its key is forgotten at once, so it can sign nothing else."""
    signing, serving = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("weir lab authority"), _name("weir lab API")
    root = (
        _builder(issuer, issuer, signing.public_key(), signing.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        _builder(subject, issuer, serving.public_key(), signing.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.sign(signing, hashes.SHA256()).public_bytes(pem))
    certificate.write_bytes(leaf.sign(signing, hashes.SHA256()).public_bytes(pem))
    private = serving.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_private(key, private)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    today = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
