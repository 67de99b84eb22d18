"""What is known about a request; the source of its log line, metrics and span."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import Scope

from facedetect.errors import FacedetectError
from facedetect.faces import Detection
from facedetect.service.root_path import path_in_service

StageName = Literal["upload", "queue", "decode", "predict", "render"]

_CALLER_ID = "facedetect.caller_id"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Polled every few seconds by machines.
_PROBES = frozenset(
    {"/healthz", "/readyz", "/metrics", "/v1/status/ping", "/v1/server/status/ping"}
)


@dataclass
class Stage:
    """One stage of processing; its duration is set at its end."""

    name: StageName
    started_ns: int
    ms: float = 0.0


@dataclass
class RequestContext:
    """Facts about one request; any of its tasks and threads may add some."""

    scope: Scope = field(default_factory=dict)
    id: str = ""
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    """The time from the request's head to the end of the response, once known."""
    bytes_in: int = 0
    bytes_out: int = 0
    response_status: int | None = None
    """Set when the response starts."""
    is_disconnected: bool = False
    """Whether the client disconnected before the response started."""
    key_name: str | None = None
    """The name of the API key."""
    stages: list[Stage] = field(default_factory=list)
    """Completed stages."""
    detections: list[Detection] = field(default_factory=list)
    """One for each image processed."""
    errors: list[FacedetectError] = field(default_factory=list)
    """Errors reported to the client."""

    @property
    def caller_id(self) -> str:
        """The caller's identity for fair sharing: the id of its API key, or its address.

        All callers that have not sent their key yet share an empty id. It is stored in the scope,
        where the server can read it, too.
        """
        return caller_id_of(self.scope)

    @caller_id.setter
    def caller_id(self, caller_id: str) -> None:
        self.scope[_CALLER_ID] = caller_id

    @property
    def status(self) -> int:
        """The status of the response; 500 if there is none."""
        if self.is_disconnected:
            return 499  # nginx's code, as HTTP has none
        return self.response_status or 500

    @property
    def method(self) -> str:
        method = str(self.scope["method"])
        return method if method in _METHODS else "other"

    @property
    def route(self) -> str:
        """The matched route's template, such as `/detect`, or the path of a mounted app."""
        scope = self.scope
        if "route" in scope:
            return str(scope["route"].path) or "/"
        if "app_root_path" in scope:
            return str(scope["root_path"].removeprefix(scope["app_root_path"]))
        if "endpoint" in scope and not scope.get("path_params"):
            # A route without parameters, whose template FastAPI does not set.
            return path_in_service(scope)
        return "unmatched"

    @property
    def is_probe(self) -> bool:
        """Whether this is a health check or a scrape, which come every few seconds."""
        return path_in_service(self.scope) in _PROBES


def caller_id_of(scope: Mapping[str, Any]) -> str:
    """Return the caller id of a request; empty while unknown."""
    return str(scope.get(_CALLER_ID, ""))


# Tasks and threads run in a copy of their request's context: they all find the same object in it.
_CURRENT: ContextVar[RequestContext] = ContextVar("facedetect_request")


@contextmanager
def request_context(request: RequestContext) -> Iterator[None]:
    """Make `current_request` return this request within the block."""
    token = _CURRENT.set(request)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_request() -> RequestContext:
    """Return the current request's context; outside of requests, a dummy."""
    return _CURRENT.get(RequestContext())


@contextmanager
def time_stage(name: StageName) -> Iterator[Stage]:
    """Time one stage of the current request, whether it succeeds or fails."""
    stage = Stage(name, time.time_ns())
    started = time.perf_counter()
    try:
        yield stage
    finally:
        stage.ms = round((time.perf_counter() - started) * 1000, 3)
        current_request().stages.append(stage)
