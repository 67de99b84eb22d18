"""`facedetect model-server`: TensorFlow Serving's protocols, for development."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from facedetect.cli.options import parse_pair
from facedetect.cli.signals import stopped_by_signals
from facedetect.errors import InvalidModel, InvalidSettings

if TYPE_CHECKING:
    from facedetect.model_server.versioned_model import VersionPolicy

_POLL_S = 0.2

_Folder = Annotated[
    Path | None, typer.Argument(exists=True, file_okay=False, show_default="the built-in model")
]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 picks a free one.")]
_RestPort = Annotated[
    int, typer.Option(min=-1, max=65535, help="REST port; 0 picks a free one, -1 disables REST.")
]
_Versions = Annotated[
    str, typer.Option(help="Versions to serve: latest, all, or numbers such as 1,3.")
]
_Labels = Annotated[
    list[str] | None, typer.Option("--label", help="LABEL=VERSION; may be repeated.")
]
_Cert = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate for gRPC, PEM.")
]
_Key = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Private key of the certificate, PEM."),
]


def model_server(  # noqa: PLR0913 - a command's options are its arguments
    folder: _Folder = None,
    *,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "mtcnn",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: _Port = 8500,
    rest_port: _RestPort = 8501,
    versions: _Versions = "latest",
    labels: _Labels = None,
    tls_cert: _Cert = None,
    tls_key: _Key = None,
) -> None:
    """Serve a SavedModel as TensorFlow Serving does, where its binary is not available.

    It is for development and tests: use TensorFlow Serving in production. FOLDER contains a
    folder for each version, named by its number, and is watched: a complete version moved in is
    served within seconds without failed calls; when it is removed, the one before is served again.

    Examples:

        facedetect model-server

        facedetect model-server models/mtcnn --versions all --label stable=1 --label canary=2

        facedetect model-server models/half_plus_two --name half_plus_two --port 0 --rest-port -1
    """
    policy, versions_by_label = _parse_versions(versions), _parse_labels(labels or [])
    if (tls_cert is None) != (tls_key is None):
        raise InvalidSettings("--tls-cert and --tls-key go together; give both or neither")

    from facedetect.model.builtin import builtin_model
    from facedetect.model.graph_files import SAVED_MODEL_FILE
    from facedetect.model_server.development_server import ModelServer, ServerAddress
    from facedetect.model_server.grpc_api import ServerTLS
    from facedetect.model_server.versioned_model import VersionedModel

    if folder is not None and (folder / SAVED_MODEL_FILE).is_file():
        raise InvalidModel(f"{folder} is a version folder; give the folder that contains it")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    model = VersionedModel(name, folder or builtin_model(), policy, versions_by_label)
    tls = ServerTLS(tls_cert, tls_key) if tls_cert and tls_key else None
    address = ServerAddress(host, port, rest_port if rest_port >= 0 else None, tls)
    server, stop = ModelServer(model, address), Event()
    with stopped_by_signals(stop):
        server.start()
        while not stop.is_set():
            time.sleep(_POLL_S)
        server.stop()


def _parse_versions(text: str) -> VersionPolicy | None:
    if text == "latest":
        return None
    if text == "all":
        return set
    try:
        wanted = {int(number) for number in text.split(",")}
    except ValueError as error:
        raise InvalidSettings(
            f"--versions {text!r} is neither latest nor all nor numbers such as 1,3"
        ) from error
    return wanted.intersection


def _parse_labels(pairs: list[str]) -> dict[str, int]:
    labels = dict(parse_pair("label", pair, "stable=1") for pair in pairs)
    for label, version in labels.items():
        if not version.isdecimal():
            raise InvalidSettings(f"--label {label}={version} has no version, such as stable=1")
    return {label: int(version) for label, version in labels.items()}
