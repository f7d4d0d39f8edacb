from __future__ import annotations

import hashlib
import logging
import ssl
import stat
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge.core.config import WebConfig
from edge.core.errors import ConfigError
from edge.sinks.web.access import certificate
from edge.sinks.web.access.certificate import FILE, own_certificate
from edge.sinks.web.addresses import names_of_this_machine
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT
from tests.sinks.web_access.people import browser_of, log_in

NAMES = ["localhost", "127.0.0.1", "edge-4.factory.example"]


def here(view: LiveView) -> str:
    return f"https://127.0.0.1:{urlsplit(view.url).port}"


def trusting(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=cert)


def test_beyond_loopback_the_page_is_served_over_tls_to_users(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = WebConfig(host="0.0.0.0", port=0, folder=state, allowed_hosts=NAMES[2:])
    with LiveView(config, ABOUT) as view:
        assert view.url.startswith("https://")
        with browser_of(here(view), verify=trusting(state / FILE)) as browser:
            assert browser.get("/metrics").status_code == 401
            header = log_in(browser, "emma").headers["set-cookie"]
            assert browser.get("/metrics").status_code == 200
        assert header.startswith(f"__Host-edge-{urlsplit(view.url).port}=")
        assert "Secure" in header
        with pytest.raises(httpx.ConnectError, match="verify failed"):
            httpx.get(here(view))
        with pytest.raises(httpx.HTTPError):
            httpx.get(here(view).replace("https", "http"))
        shown = ssl.PEM_cert_to_DER_cert(
            ssl.get_server_certificate(("127.0.0.1", urlsplit(view.url).port or 0))
        )
    assert hashlib.sha256(shown).digest().hex(":").upper() in caplog.text


def test_old_tls_is_refused(state: Path) -> None:
    with LiveView(WebConfig(host="0.0.0.0", port=0, folder=state), ABOUT) as view:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            httpx.get(here(view), verify=old)


def test_beyond_loopback_it_answers_to_its_own_names(state: Path) -> None:
    with LiveView(WebConfig(host="0.0.0.0", port=0, folder=state), ABOUT) as view:
        names = names_of_this_machine()
        assert "localhost" in names
        assert urlsplit(view.url).hostname in (*names, "0.0.0.0")
        with browser_of(here(view), verify=trusting(state / FILE)) as browser:
            for name in (*(name for name in names if ":" not in name), "192.168.1.4"):
                assert browser.get("/", headers={"Host": name}).status_code == 200, name
            assert browser.get("/", headers={"Host": "attacker.example"}).status_code == 403


def test_without_users_nothing_is_served_beyond_loopback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="edge users add NAME --role engineer"):
        LiveView(WebConfig(host="0.0.0.0", port=0, folder=tmp_path), ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_the_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, NAMES)
    assert own_certificate(tmp_path, NAMES[:2]) == first
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    found = x509.load_pem_x509_certificate(first.cert.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["edge-4.factory.example", "localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.parametrize("what", ["a new name", "runs out", "damaged", "no key"])
def test_a_certificate_that_does_not_serve_any_more_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with monkeypatch.context() as earlier:
        if what == "runs out":
            earlier.setattr(certificate, "_VALID", timedelta(days=29))
        first = own_certificate(tmp_path, NAMES)
    if what == "damaged":
        (tmp_path / FILE).write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    if what == "no key":
        found = x509.load_pem_x509_certificate((tmp_path / FILE).read_bytes())
        (tmp_path / FILE).write_bytes(found.public_bytes(serialization.Encoding.PEM))
    names = [*NAMES, "10.0.0.7"] if what == "a new name" else NAMES
    second = own_certificate(tmp_path, names)
    assert second.fingerprint != first.fingerprint
    assert own_certificate(tmp_path, names) == second


def test_the_factorys_own_certificate_is_used(state: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    made = own_certificate(theirs, NAMES)
    config = WebConfig(port=0, folder=state, cert=made.cert, key=made.key)
    with LiveView(config, ABOUT) as view:
        assert httpx.get(here(view), verify=trusting(made.cert)).status_code == 200
    assert not (state / FILE).exists()


@pytest.mark.parametrize("what", ["missing", "no certificate", "another key"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, what: str) -> None:
    made = own_certificate(tmp_path / "one", NAMES)
    other = own_certificate(tmp_path / "two", NAMES)
    cert, key = made.cert, made.key
    if what == "missing":
        cert = tmp_path / "nothing.pem"
    elif what == "no certificate":
        cert.write_text("hello")
    else:
        key = tmp_path / "key.pem"
        key.write_bytes(other.key.read_bytes().partition(b"-----BEGIN CERT")[0])
        cert = tmp_path / "cert.pem"
        _, begin, rest = made.cert.read_bytes().partition(b"-----BEGIN CERT")
        cert.write_bytes(begin + rest)
    with pytest.raises(ConfigError, match=r"sinks\.web\.cert .*cannot be used"):
        LiveView(WebConfig(port=0, cert=cert, key=key), ABOUT)


@pytest.mark.parametrize("name", ["a..b", "x" * 64])
def test_what_is_no_host_name_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is no host name"):
        own_certificate(tmp_path, [name])


def test_a_name_of_another_script_is_taken(tmp_path: Path) -> None:
    made = own_certificate(tmp_path, ["werk-münchen.example"])
    assert own_certificate(tmp_path, ["werk-münchen.example"]) == made


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValueError, match="cert and key belong together"):
        WebConfig(cert=Path("cert.pem"))


def test_a_certificate_whose_key_others_can_read_is_refused(tmp_path: Path) -> None:
    own_certificate(tmp_path, NAMES)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        own_certificate(tmp_path, NAMES)
