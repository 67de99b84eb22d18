"""Both clients with services that require a key or TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendUnavailable, RateLimited, Unauthorized
from tests.client.servers import service
from tests.client.waiting import OpenClient, Sleeper
from tests.conftest import ASTRONAUT
from tests.unit.keys import new_key


def test_a_key_opens_the_service(
    open_client: OpenClient, backend: FakeBackend, tmp_path: Path
) -> None:
    keys_file = tmp_path / "keys.jsonl"
    key = new_key(keys_file, "camera")
    with service(backend, keys_file=keys_file) as url:
        assert open_client(url, api_key=key).detect(ASTRONAUT).faces
        with pytest.raises(Unauthorized, match="API key"):
            open_client(url).detect(ASTRONAUT)


def test_a_rate_limit_says_when_to_come_again(
    open_client: OpenClient, backend: FakeBackend
) -> None:
    sleeper = Sleeper()
    with service(backend, rate_limit="1/year") as url:
        client = open_client(url, sleeper)
        assert client.detect(ASTRONAUT).faces
        with pytest.raises(RateLimited) as caught:
            client.detect(ASTRONAUT)
    assert caught.value.retry_after_s > 60  # longer than a client waits by itself
    assert sleeper.slept == []


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


@pytest.fixture
def tls_url(ca_file: Path, tmp_path: Path, backend: FakeBackend) -> Iterator[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    certificate = tmp_path / "service.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with service(backend, certificate) as url:
        yield url


# The service comes first, so that the client is closed first: asyncio waits half a minute for TLS.
def test_tls_with_an_authority_of_ones_own(
    tls_url: str, open_client: OpenClient, ca_file: Path
) -> None:
    assert open_client(tls_url, ca_file=ca_file).detect(ASTRONAUT).faces


def test_a_stranger_is_not_trusted(tls_url: str, open_client: OpenClient) -> None:
    sleeper = Sleeper()
    client = open_client(tls_url, sleeper)
    for call in (lambda: client.detect(ASTRONAUT), client.wait_until_ready):
        with pytest.raises(BackendUnavailable, match=r"(?i)certificate"):
            call()
    assert sleeper.slept == []
