"""The versions of a model: loaded, swapped and unloaded as TensorFlow Serving does it.

A new version is loaded beside those that answer; only when it answers, too, are the superseded
ones unloaded, each when its last call has ended. A version that cannot be loaded ends with its
error and is tried again when its files have changed; the others go on.
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

from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.status_pb2 import StatusProto

from facedetect.model_server.folders import Files, files_below, version_folders
from facedetect.model_server.loaded import LoadedModel
from facedetect.model_server.refusals import code_of, invalid_argument, message_of, not_found

logger = logging.getLogger(__name__)


class VersionPolicy(Protocol):
    """Says which of the versions in the folder are to be served."""

    def __call__(self, found: Collection[int], /) -> set[int]: ...


def _latest(found: Collection[int]) -> set[int]:
    return {max(found)} if found else set()


@dataclass
class Version:
    """One version on its way through the server; `failure` says why it ended, if it failed."""

    number: int
    folder: Path
    files: Files
    state: int = ModelVersionStatus.START
    model: LoadedModel | None = None
    failure: StatusProto = field(default_factory=StatusProto)
    calls: int = 0

    @property
    def is_available(self) -> bool:
        return bool(self.state == ModelVersionStatus.AVAILABLE)

    def fail(self, error: Exception) -> None:
        """End with the error's code and words; the error itself would keep the model alive."""
        self.failure = StatusProto(
            error_code=code_of(error).value[0], error_message=message_of(error)
        )
        self.state = ModelVersionStatus.END

    def status(self) -> ModelVersionStatus:
        return ModelVersionStatus(version=self.number, state=self.state, status=self.failure)


class Versions:
    """The versions of the model `name` in `folder`. Thread-safe, but for `poll`.

    `policy` says which of them to serve, the highest alone by default; `labels` names some.
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
        self._versions: dict[int, Version] = {}
        self._lock = threading.Lock()

    def poll(self) -> None:
        """Look at the folder once; load what is new, then unload what is superseded or gone.

        A folder that cannot be read changes nothing. One thread alone may call this.
        """
        try:
            folders = version_folders(self._folder)
            wanted = self._policy(folders)
            new = [self._register(number, folders[number]) for number in sorted(wanted)]
        except OSError as error:
            logger.warning("%s cannot be read: %s", self._folder, error)
            return
        for version in new:
            if version.state == ModelVersionStatus.START:
                self._load(version)
        for version in self._superseded(wanted):
            self._unload(version)

    @contextmanager
    def use(self, spec: ModelSpec) -> Iterator[tuple[int, LoadedModel]]:
        """Give the version that `spec` asks for, which stays loaded until the block ends.

        Raises NotFoundError, or InvalidArgumentError for an unknown label.
        """
        with self._lock:
            version, model = self._chosen(spec)
            version.calls += 1
        try:
            yield version.number, model
        finally:
            with self._lock:
                version.calls -= 1
            self._end_if_unused(version)

    def statuses(self, spec: ModelSpec) -> list[ModelVersionStatus]:
        """The states of all versions, the highest first, or of the one whose number `spec` has.

        Labels are not looked at, as TensorFlow Serving does not. Raises NotFoundError.
        """
        wanted = int(spec.version.value) if spec.HasField("version") else None
        with self._lock:
            known = self._versions if spec.name == self.name else {}
            numbers = [n for n in sorted(known, reverse=True) if wanted in (None, n)]
            found = [known[number].status() for number in numbers]
        if not found:
            which = "any versions" if wanted is None else f"version {wanted}"
            raise not_found(f"Could not find {which} of model {spec.name}")
        return found

    def close(self) -> None:
        """Unload all; calls under way end with CancelledError."""
        with self._lock:
            versions = list(self._versions.values())
        for version in versions:
            self._end(version)

    def _register(self, number: int, folder: Path) -> Version:
        """The version as it is known, or anew: the first time, once unloaded, or once mended."""
        files = files_below(folder)
        with self._lock:
            known = self._versions.get(number)
            if known is not None:
                is_hopeless = known.failure.error_code != 0 and known.files == files
                if known.is_available or is_hopeless:
                    return known
            self._versions[number] = version = Version(number, folder, files)
            return version

    def _load(self, version: Version) -> None:
        version.state = ModelVersionStatus.LOADING
        started = time.monotonic()
        try:
            model = LoadedModel(version.folder)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others go on
            with self._lock:
                version.fail(error)
            logger.error(  # noqa: TRY400 - the model's fault: its words, not our stack
                "%s version %d cannot be loaded: %s",
                self.name,
                version.number,
                version.failure.error_message,
            )
            return
        with self._lock:
            version.model, version.state = model, ModelVersionStatus.AVAILABLE
        took_s = time.monotonic() - started
        logger.info("%s version %d is loaded, in %.1f s", self.name, version.number, took_s)

    def _superseded(self, wanted: set[int]) -> list[Version]:
        """What answers and should not; nothing while none of those that should do."""
        with self._lock:
            available = {v.number for v in self._versions.values() if v.is_available}
            is_safe = bool(available & wanted) or not wanted
            return [self._versions[number] for number in available - wanted] if is_safe else []

    def _unload(self, version: Version) -> None:
        with self._lock:
            version.state = ModelVersionStatus.UNLOADING
        self._end_if_unused(version)

    def _end_if_unused(self, version: Version) -> None:
        with self._lock:
            is_last = version.state == ModelVersionStatus.UNLOADING and version.calls == 0
        if is_last:
            self._end(version)

    def _end(self, version: Version) -> None:
        with self._lock:
            model, version.model = version.model, None
            version.state = ModelVersionStatus.END
        if model is not None:
            model.close()
            logger.info("%s version %d is unloaded", self.name, version.number)

    def _chosen(self, spec: ModelSpec) -> tuple[Version, LoadedModel]:
        number = self._number(spec)
        loaded = {v.number: (v, v.model) for v in self._versions.values() if v.is_available}
        if spec.name == self.name and loaded:
            version, model = loaded.get(max(loaded) if number is None else number, (None, None))
            if version is not None and model is not None:
                return version, model
        words = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
        raise not_found(f"Servable not found for request: {words}")

    def _number(self, spec: ModelSpec) -> int | None:
        """The version that is asked for by number or label; None for the latest."""
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if spec.name != self.name or spec.version_label not in self._labels:
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
            return self._labels[spec.version_label]
        return int(spec.version.value) if choice == "version" else None
