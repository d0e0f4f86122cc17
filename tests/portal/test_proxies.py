"""Whose address the audit trail names and the limits count: the caller's, whatever the caller writes into a header."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from portal.proxies import client_address, networks
from releases import flow
from releases.api.throttling import RequestRate
from releases.models import AuditEvent, User

DEPLOY = Path(__file__).parents[2] / "deploy"
TRUSTED = networks(["10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48"])
CALLER = "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param(CALLER, "198.51.100.1", CALLER, id="a header straight from a caller is not read"),
        pytest.param("10.0.0.2", CALLER, CALLER, id="a trusted proxy tells who called it"),
        pytest.param("10.0.0.2", f"198.51.100.1, {CALLER}", CALLER, id="what the caller typed before is not"),
        pytest.param("10.0.0.2", f"10.9.9.9, {CALLER}", CALLER, id="not even a proxy's address, typed"),
        pytest.param(
            "10.0.0.2", f"{CALLER}, 192.0.2.1, 10.0.0.3", CALLER, id="a chain of proxies is followed"
        ),
        pytest.param(
            "10.0.0.2", f"{CALLER}, 198.51.100.7, 10.0.0.3", "198.51.100.7", id="to the first unknown"
        ),
        pytest.param("10.0.0.2", "", "10.0.0.2", id="a proxy without a header is the caller"),
        pytest.param("10.0.0.2", f"{CALLER}, unknown", "10.0.0.2", id="what is no address ends the chain"),
        pytest.param("10.0.0.2", f"{CALLER}, ", "10.0.0.2", id="so does an empty entry"),
        pytest.param("10.0.0.2", "10.0.0.7, 10.0.0.3", "10.0.0.7", id="all trusted: the first of them"),
        pytest.param("10.0.0.2", f"{CALLER}:4711", CALLER, id="with a port"),
        pytest.param("10.0.0.2", "[2001:db8::7]:4711", "2001:db8::7", id="IPv6 with a port"),
        pytest.param("2001:db8:1::5", "2001:DB8::7", "2001:db8::7", id="IPv6 by IPv6"),
        pytest.param("::ffff:10.0.0.2", "::ffff:203.0.113.9", CALLER, id="IPv4 written as IPv6"),
        pytest.param("fe80::1%eth0", "", "fe80::1", id="without the zone"),
        pytest.param("", CALLER, "", id="a socket file has no address, so nobody is believed"),
    ],
)
def test_the_address_is_the_last_one_that_is_no_trusted_proxy(
    peer: str, forwarded: str, address: str
) -> None:
    assert client_address(peer, forwarded=forwarded, trusted=TRUSTED) == address


@given(typed=st.text(alphabet="0123456789abcdef.:, []%x", max_size=60))
def test_nothing_that_a_caller_types_changes_what_is_read(typed: str) -> None:
    told_by_proxy = f"{typed}, {CALLER}"
    assert client_address("10.0.0.2", forwarded=told_by_proxy, trusted=TRUSTED) == CALLER
    assert client_address(CALLER, forwarded=typed, trusted=TRUSTED) == CALLER


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="ingress"):
        networks(["10.0.0.0/8", "ingress"])


@pytest.fixture(autouse=True)
def pages_without_a_manifest(settings: Settings, tmp_path: Path) -> None:
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def somebody(db: None, settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("somebody", password="correct horse battery")


def log_in(password: str, *, peer: str, forwarded: str = "") -> int:
    header = {"x-forwarded-for": forwarded} if forwarded else {}
    given = {"username": "somebody", "password": password}
    client = Client(REMOTE_ADDR=peer, headers=header)
    return client.post(reverse("admin:login"), given).status_code


@pytest.mark.parametrize(
    ("trusted", "ip"), [([], "10.0.0.2"), (["10.0.0.0/8"], CALLER)], ids=["nobody trusted", "the proxy is"]
)
def test_the_trail_names_the_caller_by_the_word_of_trusted_proxies_only(
    somebody: User, settings: Settings, trusted: list[str], ip: str
) -> None:
    settings.TRUSTED_PROXIES = networks(trusted)
    assert log_in("correct horse battery", peer="10.0.0.2", forwarded=f"198.51.100.1, {CALLER}") == 302
    assert AuditEvent.objects.get(action="log_in").ip == ip


def test_another_header_each_time_does_not_go_round_the_limit_on_guessing(
    somebody: User, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = networks(["10.0.0.2"])
    for number in range(settings.LOG_IN_TRIES_PER_NAME):
        log_in("wrong", peer=CALLER, forwarded=f"198.51.100.{number}")
        log_in("wrong", peer="10.0.0.2", forwarded=f"198.51.100.{number}, 203.0.113.77")
    for address in (CALLER, "203.0.113.77"):
        assert flow.wait_before_log_in(address=address, name="somebody", now=timezone.now()) > 0
    assert log_in("correct horse battery", peer=CALLER, forwarded="198.51.100.200") == 200, "has to wait"
    assert log_in("correct horse battery", peer="10.0.0.2", forwarded="203.0.113.5") == 302, "somebody else"


@pytest.mark.parametrize("number", [1, 2])
def test_the_rate_of_nobody_counts_the_address_not_the_header(number: int) -> None:
    asked = APIRequestFactory(REMOTE_ADDR=CALLER).get(
        "/", headers={"x-forwarded-for": f"198.51.100.{number}"}
    )
    assert RequestRate()._caller(APIView().initialize_request(asked)) == f"address-{CALLER}"


def test_https_is_believed_from_trusted_proxies_only(db: None, settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = networks(["10.0.0.2"])
    said = {"x-forwarded-proto": "https"}
    assert Client(REMOTE_ADDR="10.0.0.2", headers=said).get("/healthz").status_code == 200
    assert Client(REMOTE_ADDR=CALLER, headers=said).get("/healthz").status_code == 301


def test_the_server_itself_reads_no_such_header() -> None:
    """Uvicorn would believe the first entry of the header, which is what the caller typed."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes/base/web.yaml").read_text(encoding="utf-8"))
    web = next(document for document in documents if document["kind"] == "Deployment")
    assert "--no-proxy-headers" in web["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "--no-proxy-headers" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
