"""Valid backend URLs, and the errors for invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedetect.backends import BackendSpec, open_backend
from facedetect.backends.serving import ServingBackend
from facedetect.errors import InvalidSettings
from facedetect.model_ref import ModelRef


@pytest.mark.parametrize(
    "url",
    [
        "grpc://models/mtcnn",
        "grpc://models:8500/mtcnn?version=3",
        "grpc://[::1]:8500/mtcnn?label=stable",
        "grpc://models:8500/a%20model?dns=127.0.0.1:5353",
        "grpcs://models/mtcnn",
        "http://models/mtcnn?version=0",
        "https://models/mtcnn",
    ],
)
def test_urls_of_servers_open_without_one(url: str) -> None:
    backend = open_backend(url)
    assert isinstance(backend, ServingBackend)
    backend.close()


@pytest.mark.parametrize(
    ("url", "spec"),
    [
        ("embedded:", BackendSpec("embedded")),
        (
            "embedded:?threads=3&instruction_set=avx2&geometry=reference&weights=/m/a.safetensors",
            BackendSpec(
                "embedded",
                threads=3,
                instruction_set="avx2",
                geometry="reference",
                weights=Path("/m/a.safetensors"),
            ),
        ),
        ("embedded:?landmarks=averaged", BackendSpec("embedded", landmarks="averaged")),
        (
            "embedded:?instruction_set=avx512-vnni",
            BackendSpec("embedded", instruction_set="avx512-vnni"),
        ),
        (
            "savedmodel:models/my mtcnn?version=3&inter_op_threads=4",
            BackendSpec(
                "savedmodel",
                folder=Path("models/my mtcnn"),
                model=ModelRef("", 3),
                inter_op_threads=4,
            ),
        ),
        (
            "grpc://[::1]:8500/a%20model?label=stable&dns=127.0.0.1:5353",
            BackendSpec(
                "grpc",
                "[::1]:8500",
                model=ModelRef("a model", label="stable"),
                dns="127.0.0.1:5353",
            ),
        ),
        (
            "grpcs://models:9000/m?version=0&ca_file=/ca.pem&cert_file=c.pem&key_file=k.pem",
            BackendSpec(
                "grpcs",
                "models:9000",
                model=ModelRef("m", 0),
                ca_file=Path("/ca.pem"),
                cert_file=Path("c.pem"),
                key_file=Path("k.pem"),
            ),
        ),
    ],
)
def test_a_url_is_a_spec_and_a_spec_a_url(url: str, spec: BackendSpec) -> None:
    assert BackendSpec.parse(url) == spec
    assert str(spec) == url


def test_a_server_has_a_default_port() -> None:
    assert BackendSpec.parse("grpcs://models/m").address == "models:8500"
    assert BackendSpec.parse("http://models/m").address == "models:8501"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "an unknown scheme"),
        ("mtcnn", "an unknown scheme"),
        ("ftp://models/mtcnn", "an unknown scheme"),
        ("grpc://models:8500/mtcnn#1", "an unknown scheme"),
        ("embedded:models/mtcnn?version=3", "write savedmodel:models/mtcnn"),
        ("embedded://models/mtcnn", "write savedmodel:models/mtcnn"),
        ("embedded:?threads=0", r"threads=0; it accepts threads \(a whole number from 1\)"),
        ("embedded:?instruction_set=", r"instruction_set \(a name\)"),
        ("embedded:?geometry=author", r"geometry \(accurate or reference\)"),
        ("embedded:?landmarks=both", r"landmarks \(single or averaged\)"),
        ("embedded:?weights=mtcnn.pb", r"weights \(a \.safetensors file\)"),
        ("embedded:?geometry=reference&landmarks=averaged", "does not average landmarks"),
        ("savedmodel:", "does not name a folder; write savedmodel:PATH"),
        ("savedmodel://models/mtcnn", "does not name a folder; write savedmodel:PATH"),
        ("savedmodel:models?threads=2", "threads=2"),
        ("grpc:nowhere", "does not name a server; use grpc://HOST:8500/MODEL"),
        ("grpc://models:0/mtcnn", "does not name a server"),
        ("grpc://models:many/mtcnn", "does not name a server"),
        ("grpc://user@models/mtcnn", "does not name a server"),
        ("http://models:8501", "does not name a model; use http://models:8501/mtcnn"),
        ("grpc://models/v1/mtcnn", "does not name a model"),
        ("grpc://models/mtcnn?version=new", r"version=new; it accepts version \(a whole number\)"),
        ("grpc://models/mtcnn?version=1&version=2", "version=1,2"),
        ("grpc://models/mtcnn?version=1&label=stable", "give only one"),
        ("grpc://models/mtcnn?label=", "label="),
        ("grpc://models/mtcnn?dns=resolver", "dns=resolver"),
        ("grpc://models/mtcnn?ca_file=ca.pem", "ca_file=ca.pem"),
        ("grpcs://models/mtcnn?ca_file=/not/there.pem", "/not/there.pem, which cannot be read"),
        ("http://models/mtcnn?dns=127.0.0.1:53", "dns="),
        ("grpc://models/mtcnn?version=99999999999999999999", "version="),
        ("https://models/mtcnn?ca_file=/not/there.pem", "cannot be read"),
        ("savedmodel:models?intra_op_threads=0", "intra_op_threads=0"),
    ],
)
def test_urls_that_cannot_be_right_are_told(url: str, words: str) -> None:
    with pytest.raises(InvalidSettings, match=words):
        open_backend(url)


@pytest.mark.parametrize("option", ["key_file", "cert_file"])
def test_a_key_without_its_certificate_is_told(option: str, tmp_path: Path) -> None:
    file = tmp_path / "one.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(InvalidSettings, match="cert_file and key_file"):
        open_backend(f"grpcs://models/mtcnn?{option}={file}")


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_an_authority_in_another_form_is_told(scheme: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.der"
    file.write_bytes(b"\x30\x82\x01\x0a")
    with pytest.raises(InvalidSettings, match=r"PEM|ca_file"):
        open_backend(f"{scheme}://models/mtcnn?ca_file={file}")
