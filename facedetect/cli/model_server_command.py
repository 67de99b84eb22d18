"""`facedetect model-server`: speaks TensorFlow Serving's protocols, for development."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from facedetect.cli.options import parse_pair
from facedetect.cli.signals import stopped_by_signals
from facedetect.errors import InvalidModel, InvalidSettings

if TYPE_CHECKING:
    from facedetect.model_server.versioned_model import VersionPolicy

_POLL_S = 0.2

# TensorFlow Serving's flags that have no effect here.
_IGNORED_FLAGS = {
    *("allow_version_labels_for_unavailable_models", "batching_parameters_file"),
    *("enable_batching", "enable_cors_support", "enable_grpc_healthcheck_service"),
    *("enable_model_warmup", "enable_per_model_batching_parameters", "enable_profiler"),
    *("enable_serialization_as_tensor_content", "enable_signature_method_name_check"),
    *("file_system_poll_wait_seconds", "flush_filesystem_caches"),
    *("force_allow_any_version_labels_for_unavailable_models", "grpc_channel_arguments"),
    *("grpc_socket_path", "load_retry_interval_micros"),
    *("max_num_load_retries", "mixed_precision", "model_config_file_poll_wait_seconds"),
    *("monitoring_config_file", "num_load_threads", "num_request_iterations_for_warmup"),
    *("num_unload_threads", "per_process_gpu_memory_fraction", "platform_config_file"),
    *("remove_unused_fields_from_bundle_metagraph", "rest_api_num_threads"),
    *("rest_api_timeout_in_ms", "saved_model_tags", "skip_initialize_tpu"),
    *("tensorflow_inter_op_parallelism", "tensorflow_intra_op_parallelism"),
    *("tensorflow_session_parallelism", "thread_pool_factory_config_file"),
    *("use_alwayson_profiler", "xla_cpu_compilation_enabled"),
}

_Folder = Annotated[
    Path | None, typer.Argument(exists=True, file_okay=False, show_default="the built-in model")
]
_BasePath = Annotated[
    Path | None,
    typer.Option("--model_base_path", exists=True, file_okay=False, help="The same as FOLDER."),
]
_ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--model_config_file",
        exists=True,
        dir_okay=False,
        help="TensorFlow Serving's ModelServerConfig: models, versions and labels.",
    ),
]
_Name = Annotated[str, typer.Option("--name", "--model_name", help="Name of the model.")]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 picks a free one.")]
_RestPort = Annotated[
    int,
    typer.Option(
        "--rest-port",
        "--rest_api_port",
        min=-1,
        max=65535,
        help="REST port; 0 picks a free one, -1 disables REST.",
    ),
]
_Versions = Annotated[
    str, typer.Option(help="Versions to serve: latest, all, or a list such as 1,3.")
]
_Labels = Annotated[list[str] | None, typer.Option("--label", help="LABEL=VERSION. Repeatable.")]
_Wait = Annotated[
    bool,
    typer.Option(
        "--wait-for-model",
        help="Open the ports only once every model has a loaded version.",
    ),
]
_MaxThreads = Annotated[
    int | None,
    typer.Option(
        "--grpc_max_threads",
        min=3,
        show_default="no limit",
        help="Run two calls fewer than this at a time; reject more with RESOURCE_EXHAUSTED.",
    ),
]
_Cert = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="TLS certificate for gRPC (PEM).")
]
_Key = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Private key of the certificate (PEM)."),
]


class _ServingCommand(TyperCommand):
    """Accepts TensorFlow Serving's flags, so that its command lines work unchanged."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ignored = [a for a in args if a.removeprefix("--").split("=")[0] in _IGNORED_FLAGS]
        if ignored:
            typer.echo(f"ignored, no effect here: {' '.join(ignored)}", err=True)
        return super().parse_args(ctx, [arg for arg in args if arg not in ignored])


app = typer.Typer(add_completion=False)


@app.command("model-server", cls=_ServingCommand)
def model_server(  # noqa: PLR0913 - a command's options are its arguments
    folder: _Folder = None,
    *,
    base_path: _BasePath = None,
    config_file: _ConfigFile = None,
    name: _Name = "mtcnn",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: _Port = 8500,
    rest_port: _RestPort = 8501,
    versions: _Versions = "latest",
    labels: _Labels = None,
    wait_for_model: _Wait = False,
    grpc_max_threads: _MaxThreads = None,
    tls_cert: _Cert = None,
    tls_key: _Key = None,
) -> None:
    """Serve a SavedModel over TensorFlow Serving's protocols, for development and tests.

    Use TensorFlow Serving itself in production. FOLDER contains a numbered folder per version and
    is watched: move in a complete version, and it is served within seconds without failed calls;
    remove it, and the previous one is served again. TensorFlow Serving's own flags work, too.

    Examples:

        facedetect model-server

        facedetect model-server models/mtcnn --versions all --label stable=1 --label canary=2

        facedetect model-server --rest_api_port=8501 --model_name=m --model_base_path=/models/m
    """
    if sum(given is not None for given in (folder, base_path, config_file)) > 1:
        raise InvalidSettings(
            "FOLDER, --model_base_path and --model_config_file exclude each other; give one"
        )
    policy, versions_by_label = _parse_versions(versions), _parse_labels(labels or [])
    if (tls_cert is None) != (tls_key is None):
        raise InvalidSettings("--tls-cert and --tls-key go together; give both or neither")

    from facedetect.model.builtin import builtin_model
    from facedetect.model.graph_files import SAVED_MODEL_FILE
    from facedetect.model_server.development_server import ModelServer, ServerAddress
    from facedetect.model_server.grpc_api import ServerTLS
    from facedetect.model_server.model_config import read_model_config
    from facedetect.model_server.versioned_model import VersionedModel

    folder = folder or base_path
    if folder is not None and (folder / SAVED_MODEL_FILE).is_file():
        raise InvalidModel(f"{folder} is a version folder; give the folder that contains it")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    if config_file is not None:
        models = read_model_config(config_file)
    else:
        models = [VersionedModel(name, folder or builtin_model(), policy, versions_by_label)]
    tls = ServerTLS(tls_cert, tls_key) if tls_cert and tls_key else None
    address = ServerAddress(host, port, rest_port if rest_port >= 0 else None, tls)
    # As in TensorFlow Serving, two of the threads wait for new calls.
    max_calls = None if grpc_max_threads is None else grpc_max_threads - 2
    server, stop = ModelServer(models, address, max_calls=max_calls), Event()
    with stopped_by_signals(stop):
        server.start(wait=stop if wait_for_model else None)
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
            f"--versions {text!r} is not valid; give latest, all, or a list such as 1,3"
        ) from error
    return wanted.intersection


def _parse_labels(pairs: list[str]) -> dict[str, int]:
    labels = dict(parse_pair("label", pair, "stable=1") for pair in pairs)
    for label, version in labels.items():
        if not version.isdecimal():
            raise InvalidSettings(
                f"--label {label}={version} has no version; give one, as in stable=1"
            )
    return {label: int(version) for label, version in labels.items()}
