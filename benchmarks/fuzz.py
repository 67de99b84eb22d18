"""Fuzz the service with broken images and forms: scripts/fuzz [detect|decode|api|engine|parsers].

`detect` sends them to `POST /detect` of a real service: every response must be documented in
OpenAPI and arrive in time, and memory must level off. `decode` decodes images in-process, which is
faster. `api` runs schemathesis with `--count` examples per operation. `engine` runs the native
engine on random images, with every instruction set. `parsers` fuzzes the parsers of forms and
request heads, guided by coverage.
Failing bodies are written to a folder; `--first NUMBER --count 1` with the same seed replays one.
"""

from __future__ import annotations

import argparse
import faulthandler
import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.fuzz_engine import fuzz_engine, report_engine
from benchmarks.mutations import Body, mutate_file, mutate_request, random_of, seeds
from benchmarks.openapi_checks import check_openapi
from benchmarks.process_memory import resident_mb
from benchmarks.servers import Gateway, gateway, wait_for
from facedetect.errors import FacedetectError
from facedetect.images import ImageLimits, decode_image

_MODES = ["detect", "decode", "api", "engine", "parsers"]
_CONNECTIONS = 4
_STALL_TIMEOUT_S = 2.0
_SLOWEST_S = 10.0
_PATH = "/detect?min_size=60"
_PROBLEM = {"type", "title", "status", "detail"}
_DECODED_PIXELS = 4_000_000

# uvicorn itself may reject these with a plain-text response.
_NO_REQUEST = {"length", "chunked", "type"}


@dataclass
class Result:
    """The outcomes of all bodies by origin, and failures by number."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    memory_mb: list[float] = field(default_factory=list)

    def growth(self) -> float:
        """The relative growth of memory over the last third."""
        third, tenth = len(self.memory_mb) * 2 // 3, max(len(self.memory_mb) // 10, 1)
        return median(self.memory_mb[-tenth:]) / median(self.memory_mb[third : third + tenth]) - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", nargs="?", default="detect", choices=_MODES)
    parser.add_argument(
        "--count", type=int, default=20_000, help="bodies, or examples for each operation"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--first", type=int, default=0, help="number of the first body")
    parser.add_argument(
        "--failures", type=Path, default=Path("fuzz-failures"), help="where to write failing bodies"
    )
    arguments = parser.parse_args()
    if arguments.mode == "api":
        with gateway() as running:
            wait_for(running.client, "/readyz", running.process)
            ended = check_openapi(running.url, arguments.count, arguments.seed)
        print(ended.stdout)
        raise SystemExit(ended.returncode)
    if arguments.mode == "parsers":
        from benchmarks.fuzz_parsers import fuzz_parsers  # its fuzzer needs Linux

        corpus = arguments.failures / "corpus"
        raise SystemExit(fuzz_parsers(corpus, arguments.count, arguments.seed))
    faulthandler.enable()  # for a crash in a decoder or the engine
    if arguments.mode == "engine":
        answers = fuzz_engine(arguments.seed, arguments.first, arguments.count)
        report_engine(answers)
        raise SystemExit(bool(answers.failures))
    run = fuzz_service if arguments.mode == "detect" else fuzz_decoding
    result = run(arguments.seed, arguments.first, arguments.count)
    report(result)
    write_failures(result, arguments.seed, arguments.failures)
    raise SystemExit(bool(result.failures))


def fuzz_service(seed: int, first: int, count: int) -> Result:
    """Start a service and send it the bodies over several connections."""
    settings = {"FACEDETECT_STALL_TIMEOUT_S": str(_STALL_TIMEOUT_S)}
    with gateway(env=settings) as running, ThreadPoolExecutor(_CONNECTIONS) as pool:
        wait_for(running.client, "/readyz", running.process)
        result, sender = Result(), _Sender(running, seed)
        numbers = iter(range(first, first + count))
        for _ in track(range(0, count, 100), "Sending", console=Console(stderr=True)):
            for number, answer in pool.map(sender.send, islice(numbers, 100)):
                _note(result, number, answer)
            result.memory_mb.append(resident_mb(running.process.pid))
        if running.process.poll() is not None:
            result.failures[first] = f"the service exited with {running.process.returncode}"
        if "Traceback" in running.log():
            result.failures[first] = f"the log has a traceback: {running.log()[-5000:]}"
    return result


@dataclass(frozen=True)
class _Answer:
    origin: str
    outcome: str
    problem: str | None
    took_s: float


class _Sender:
    """Sends bodies to a service and checks the responses."""

    def __init__(self, running: Gateway, seed: int) -> None:
        self._files, self._seed = seeds(), seed
        self._host, self._port = running.client.base_url.host, running.client.base_url.port
        document = running.client.get("/openapi.json").json()
        self._documented = set(document["paths"]["/detect"]["post"]["responses"])

    def send(self, number: int) -> tuple[int, _Answer]:
        body = mutate_request(random_of(self._seed, number), self._files)
        started = time.monotonic()
        try:
            answer = self._ask(body)
        except (OSError, http.client.HTTPException) as error:
            answer = 0, "", repr(error).encode()
        took_s = time.monotonic() - started
        if answer[0] == 0 and body.content_length is not None:
            # The service answered and closed before everything was sent; TCP may lose the answer.
            return number, _Answer(body.origin, "reset", None, took_s)
        is_request = body.origin not in _NO_REQUEST
        wrong = find_fault(answer, self._documented, is_request=is_request)
        if took_s > _SLOWEST_S:
            wrong = f"it took {took_s:.1f} s"
        return number, _Answer(body.origin, str(answer[0]), wrong, took_s)

    def _ask(self, body: Body) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port or 80, timeout=60)
        try:
            connection.putrequest("POST", _PATH)
            connection.putheader("Content-Type", body.content_type.encode("latin-1"))
            if body.is_chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            else:
                length = len(body.data) if body.content_length is None else body.content_length
                connection.putheader("Content-Length", str(length))
            connection.endheaders()
            self._send_data(connection, body)
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read()
        finally:
            connection.close()

    @staticmethod
    def _send_data(connection: http.client.HTTPConnection, body: Body) -> None:
        try:
            if body.is_chunked:
                for start in range(0, len(body.data), 1000):
                    piece = body.data[start : start + 1000]
                    connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                connection.send(b"0\r\n\r\n")
            else:
                connection.send(body.data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered early; the answer can still be read


def find_fault(
    answer: tuple[int, str, bytes], documented: set[str], *, is_request: bool = True
) -> str | None:
    """Check an answer's status, media type and contents; return what is wrong, or None."""
    status, kind, content = answer
    if not is_request and (status, kind) == (http.client.BAD_REQUEST, "text/plain"):
        return None
    if str(status) not in documented or status >= http.client.INTERNAL_SERVER_ERROR:
        return f"the status {status} with {content[:300]!r}"
    try:
        parsed = dict(json.loads(content))
    except (TypeError, ValueError):
        return f"the answer {content[:300]!r}, which is not a JSON object"
    if status == http.client.OK:
        return None if isinstance(parsed.get("faces"), list) else f"the answer {content[:300]!r}"
    is_problem = kind == "application/problem+json" and set(parsed) == _PROBLEM
    return None if is_problem and parsed["status"] == status else f"the problem {content!r}"


def fuzz_decoding(seed: int, first: int, count: int) -> Result:
    """Decode the images in-process."""
    files, limits, result = seeds(), ImageLimits(max_pixels=_DECODED_PIXELS), Result()
    progress = Console(stderr=True)
    for number in track(range(first, first + count), "Decoding", console=progress):
        body = mutate_file(random_of(seed, number), files)
        started = time.monotonic()
        outcome, wrong = _decode(body.data, limits)
        _note(result, number, _Answer(body.origin, outcome, wrong, time.monotonic() - started))
        if number % 100 == 0:
            result.memory_mb.append(resident_mb())
    return result


def _decode(data: bytes, limits: ImageLimits) -> tuple[str, str | None]:
    try:
        image = decode_image(data, limits)
    except FacedetectError as error:
        return type(error).__name__, None
    except Exception as error:  # noqa: BLE001 - any other exception is a bug
        return "failed", repr(error)
    is_bgr = image.dtype == np.uint8 and image.shape[2:] == (3,) and image.size > 0
    return "decoded", None if is_bgr else f"it became {image.dtype} {image.shape}"


def _note(result: Result, number: int, answer: _Answer) -> None:
    result.outcomes[answer.origin, answer.outcome] += 1
    result.slowest_s = max(result.slowest_s, answer.took_s)
    if answer.problem is not None:
        result.failures[number] = answer.problem


def report(result: Result) -> None:
    """Print outcomes by origin, the slowest response, memory over time and failures."""
    outcomes = sorted({outcome for _, outcome in result.outcomes})
    table = Table("", *outcomes)
    for origin in sorted({origin for origin, _ in result.outcomes}):
        table.add_row(origin, *(str(result.outcomes[origin, outcome]) for outcome in outcomes))
    totals = Counter[str]()
    for (_, outcome), count in result.outcomes.items():
        totals[outcome] += count
    table.add_row("all", *(str(totals[outcome]) for outcome in outcomes))
    console = Console()
    console.print(table)
    step = max(len(result.memory_mb) // 10, 1)
    console.print(f"memory, MB: {' '.join(f'{mb:.0f}' for mb in result.memory_mb[::step])}")
    console.print(f"the last third added {100 * result.growth():.1f} %")
    console.print(f"slowest {result.slowest_s:.2f} s; {len(result.failures)} failures")


def write_failures(result: Result, seed: int, folder: Path) -> None:
    """Write failing bodies and their faults, named by seed and number."""
    files = seeds() if result.failures else {}
    for number, reason in islice(result.failures.items(), 100):
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / f"{seed}-{number}"
        name.with_suffix(".bin").write_bytes(mutate_request(random_of(seed, number), files).data)
        name.with_suffix(".txt").write_text(f"{reason}\n", "utf-8")
        print(f"{name}: {reason}")


if __name__ == "__main__":
    main()
