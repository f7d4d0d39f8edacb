"""The certificate that the live view shows beyond loopback, made here unless there is another."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.core.errors import ConfigError
from edge.sinks.web.access.private_file import PrivateFile

FILE = "web.pem"
_VALID = timedelta(days=3650)
_EARLIER = timedelta(days=1)  # for browsers whose clock is late
_LEFT = timedelta(days=30)  # renewed before it runs out


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server proves with that it is the one.

    Attributes:
        cert: PEM file, the server's own certificate first.
        key: PEM file of its key; may be the same file.
        fingerprint: SHA-256 of the certificate, as browsers show it: ``AB:CD:…``.
    """

    cert: Path
    key: Path
    fingerprint: str


def given_certificate(cert: Path, key: Path) -> Certificate:
    """The factory's own.

    Raises:
        ConfigError: a file cannot be read, or they do not belong together.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=_no_password)
        found = x509.load_pem_x509_certificate(cert.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"sinks.web.cert {cert} and sinks.web.key {key} cannot be used: {error}. They have to "
            "be PEM, belong together, need no password, and be readable for the service's user"
        ) from error
    return Certificate(cert, key, _fingerprint(found))


def own_certificate(folder: Path, names: Iterable[str]) -> Certificate:
    """The one in this state folder; made anew when it is missing, runs out or lacks a name.

    Args:
        folder: of the service's state.
        names: host names and addresses that the page is opened with.

    Raises:
        ConfigError: others may read it.
        UnavailableError: it cannot be written.
    """
    file = PrivateFile(folder / FILE)
    wanted = sorted(set(names))
    with file.alone():
        found = _usable(file.read(), wanted)
        if found is None:
            found, content = _made(wanted)
            file.replace(content)
    return Certificate(file.path, file.path, _fingerprint(found))


def _usable(content: bytes | None, wanted: Sequence[str]) -> x509.Certificate | None:
    if content is None:
        return None
    try:
        found = x509.load_pem_x509_certificate(content)
        serialization.load_pem_private_key(content, None)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    now = datetime.now(timezone.utc)
    in_time = found.not_valid_before_utc <= now < found.not_valid_after_utc - _LEFT
    return found if in_time and set(map(_general, wanted)) <= set(names) else None


def _made(names: Sequence[str]) -> tuple[x509.Certificate, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Edge live view")])
    now = datetime.now(timezone.utc)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made, private + made.public_bytes(pem)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode())
    except UnicodeError as error:
        raise ConfigError(
            f"{name!r} is no host name, so no certificate can be made for it. See sinks.web.host, "
            "sinks.web.allowed_hosts, and the machine's own: hostnamectl"
        ) from error


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _no_password() -> str:
    """OpenSSL would otherwise ask at the terminal, for ever."""
    raise ValueError("the key is protected by a password")
