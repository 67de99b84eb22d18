"""The versions of a model: loaded, swapped and unloaded as in TensorFlow Serving.

A new version is loaded while the old ones keep serving. Once it is available, the superseded ones
are unloaded, each after its last call in progress. A version that fails to load keeps its error and
is not retried until the server restarts, even if its files change; the others keep serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from facedetect.model.graph_files import numbered_folders
from facedetect.model.saved_model import SavedModel, load_saved_model
from facedetect.model.warmup import read_warmup_requests
from facedetect.model_server.serving_errors import (
    error_message,
    grpc_code,
    invalid_argument,
    not_found,
    servable_not_found,
)
from facedetect.model_server.tensor_codec import decode_inputs
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import DEFAULT_SIGNATURE

logger = logging.getLogger(__name__)


class VersionPolicy(Protocol):
    """Selects the versions to serve from those in the folder."""

    def __call__(self, found: Collection[int], /) -> set[int]: ...


def _latest(found: Collection[int]) -> set[int]:
    return {max(found)} if found else set()


@dataclass
class ServedVersion:
    """One version and its state; `failure` says why it could not be loaded, if so."""

    number: int
    folder: Path
    state: pb.ModelVersionStatus.State = pb.ModelVersionStatus.START
    model: SavedModel | None = None
    failure: pb.StatusProto = field(default_factory=pb.StatusProto)
    running_calls: int = 0

    @property
    def is_available(self) -> bool:
        return bool(self.state == pb.ModelVersionStatus.AVAILABLE)

    def fail(self, error: Exception) -> None:
        """Record only code and message: the error itself would keep the model in memory."""
        self.failure = pb.StatusProto(
            error_code=pb.Code.Name(grpc_code(error).value[0]), error_message=error_message(error)
        )
        self.state = pb.ModelVersionStatus.END

    def status(self) -> pb.ModelVersionStatus:
        return pb.ModelVersionStatus(version=self.number, state=self.state, status=self.failure)


class VersionedModel:
    """The model `name`, with its versions in `folder`. Thread-safe, except for `poll`.

    `policy` selects the versions to serve, by default the latest; `labels` names some of them.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        policy: VersionPolicy | None = None,
        labels: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self._folder = folder
        self._policy = policy or _latest
        self._labels = labels or {}
        self._versions: dict[int, ServedVersion] = {}
        self._lock = threading.Lock()

    def poll(self) -> None:
        """Scan the folder once: load new versions, then unload superseded and removed ones.

        An unreadable folder changes nothing. Call this from one thread only.
        """
        try:
            folders = numbered_folders(self._folder)
            wanted = self._policy(folders)
            versions = [self._register(number, folders[number]) for number in sorted(wanted)]
        except OSError as error:
            logger.warning("%s cannot be read: %s", self._folder, error)
            return
        for version in versions:
            if version.state == pb.ModelVersionStatus.START:
                self._load(version)
        for version in self._superseded(wanted):
            self._unload(version)

    def has_available(self) -> bool:
        """Whether any version is available."""
        with self._lock:
            return any(version.is_available for version in self._versions.values())

    @contextmanager
    def use(self, spec: pb.ModelSpec) -> Iterator[tuple[int, SavedModel]]:
        """Yield the version that `spec` selects; it stays loaded until the block ends.

        Raises NotFoundError, or InvalidArgumentError for an unknown label.
        """
        with self._lock:
            version, model = self._find(spec)
            version.running_calls += 1
        try:
            yield version.number, model
        finally:
            with self._lock:
                version.running_calls -= 1
            self._end_if_unused(version)

    def statuses(self, spec: pb.ModelSpec) -> list[pb.ModelVersionStatus]:
        """Return the states of all versions, highest first, or of the one numbered in `spec`.

        Ignores labels, as TensorFlow Serving does. Raises NotFoundError.
        """
        wanted = int(spec.version.value) if spec.HasField("version") else None
        with self._lock:
            numbers = [n for n in sorted(self._versions, reverse=True) if wanted in (None, n)]
            found = [self._versions[number].status() for number in numbers]
        if not found:
            which = "any versions" if wanted is None else f"version {wanted}"
            raise not_found(f"Could not find {which} of model {self.name}")
        return found

    def close(self) -> None:
        """Unload all versions; calls in progress fail with CancelledError."""
        with self._lock:
            versions = list(self._versions.values())
        for version in versions:
            self._end(version)

    def _register(self, number: int, folder: Path) -> ServedVersion:
        """Return the known version, or a new one if it is unknown or was unloaded."""
        with self._lock:
            known = self._versions.get(number)
            if known is not None and (known.is_available or known.failure.error_code):
                return known
            self._versions[number] = version = ServedVersion(number, folder)
            return version

    def _load(self, version: ServedVersion) -> None:
        version.state = pb.ModelVersionStatus.LOADING
        started = time.monotonic()
        try:
            model = _load_and_warm_up(version.folder)
        except Exception as error:  # noqa: BLE001 - whatever fails, other versions keep serving
            with self._lock:
                version.fail(error)
            logger.error(  # noqa: TRY400 - the model is at fault: its message, not our stack
                "%s version %d cannot be loaded: %s",
                self.name,
                version.number,
                version.failure.error_message,
            )
            return
        with self._lock:
            version.model, version.state = model, pb.ModelVersionStatus.AVAILABLE
        took_s = time.monotonic() - started
        logger.info("%s version %d loaded in %.1f s", self.name, version.number, took_s)

    def _superseded(self, wanted: set[int]) -> list[ServedVersion]:
        """Return available but unwanted versions; none until a wanted one is available."""
        with self._lock:
            available = {v.number for v in self._versions.values() if v.is_available}
            is_safe = bool(available & wanted) or not wanted
            return [self._versions[number] for number in available - wanted] if is_safe else []

    def _unload(self, version: ServedVersion) -> None:
        with self._lock:
            version.state = pb.ModelVersionStatus.UNLOADING
        self._end_if_unused(version)

    def _end_if_unused(self, version: ServedVersion) -> None:
        with self._lock:
            is_unused = version.running_calls == 0
            is_last = version.state == pb.ModelVersionStatus.UNLOADING and is_unused
        if is_last:
            self._end(version)

    def _end(self, version: ServedVersion) -> None:
        with self._lock:
            model, version.model = version.model, None
            version.state = pb.ModelVersionStatus.END
        if model is not None:
            model.close()
            logger.info("%s version %d unloaded", self.name, version.number)

    def _find(self, spec: pb.ModelSpec) -> tuple[ServedVersion, SavedModel]:
        number = self._number(spec)
        loaded = {v.number: (v, v.model) for v in self._versions.values() if v.is_available}
        if loaded:
            version, model = loaded.get(max(loaded) if number is None else number, (None, None))
            if version is not None and model is not None:
                return version, model
        raise servable_not_found(self.name, number)

    def _number(self, spec: pb.ModelSpec) -> int | None:
        """Return the requested version by number or label; None for the latest."""
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if spec.version_label not in self._labels:
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
            return self._labels[spec.version_label]
        return int(spec.version.value) if choice == "version" else None


def _load_and_warm_up(folder: Path) -> SavedModel:
    """Load a version and run its warm-up records; raises if a record fails."""
    model = load_saved_model(folder)
    try:
        for request in read_warmup_requests(folder):
            signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
            inputs = decode_inputs(request.inputs, model.signature(signature).inputs)
            model.run(signature, inputs, request.output_filter)
    except BaseException:
        model.close()
        raise
    return model
