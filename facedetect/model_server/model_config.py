"""TensorFlow Serving's --model_config_file: the models to serve, as text."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format

from facedetect.errors import InvalidSettings
from facedetect.model_server.versioned_model import VersionedModel, VersionPolicy
from facedetect.tfserving import serving_pb2 as pb


def read_model_config(path: Path) -> list[VersionedModel]:
    """Read a ModelServerConfig; raises InvalidSettings if it is invalid or names no model."""
    try:
        config = text_format.Parse(path.read_text("utf-8"), pb.ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise InvalidSettings(
            f"--model_config_file {path} cannot be read: {error}; write it as model_config_list "
            '{ config { name: "mtcnn" base_path: "/models/mtcnn" } }'
        ) from error
    models = [_model(path, entry) for entry in config.model_config_list.config]
    names = {model.name for model in models}
    if not models or len(names) != len(models):
        raise InvalidSettings(
            f"--model_config_file {path} names {len(models)} models; it must name at least one, "
            "each with a different name"
        )
    return models


def _model(path: Path, config: pb.ModelConfig) -> VersionedModel:
    if not config.name or not config.base_path:
        raise InvalidSettings(
            f"--model_config_file {path}: a model has the name {config.name!r} and the base_path "
            f"{config.base_path!r}; both are required"
        )
    policy = version_policy(config.model_version_policy)
    return VersionedModel(config.name, Path(config.base_path), policy, dict(config.version_labels))


def version_policy(
    config: pb.FileSystemStoragePathSourceConfig.ServableVersionPolicy,
) -> VersionPolicy:
    """Return the policy that selects the versions to serve, by default the latest."""
    choice = config.WhichOneof("policy_choice")
    if choice == "all":
        return set
    if choice == "specific":
        return set(config.specific.versions).intersection
    count = config.latest.num_versions or 1
    return lambda found: set(sorted(found)[-count:])
