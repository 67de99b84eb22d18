"""Compare the HTTP service with services built on other MTCNN packages.

scripts/bench compare-services

Services take turns and are restarted every round, so only one runs at a time. A round measures the
startup, the first requests, and then a load of clients that each send a request, wait for the
answer and send the next one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress

from benchmarks.arguments import add_choices, bench_parser
from benchmarks.charts import draw_services
from benchmarks.clients import client_process, closed_loop, post_of
from benchmarks.contestants import EMBEDDED, OURS, RIVALS, Contestant, Start
from benchmarks.load_stats import LoadStats, format_errors, median_stats, summarize
from benchmarks.pages import print_table, write_section
from benchmarks.pictures import pictures, resize
from benchmarks.process_memory import tree_resident_mb, watched_memory
from facedetect.images import encode_image

_CONCURRENCIES = (1, 8, 64)
_FIRST_REQUESTS = 10


@dataclass(frozen=True)
class Case:
    """A number of concurrent clients that all send the same picture."""

    picture: str
    concurrency: int


@dataclass
class Measured:
    """One service: a value per round; statistics and peak memory, MB, by case."""

    name: str
    faces: dict[str, int] = field(default_factory=dict)
    ready_s: list[float] = field(default_factory=list)
    first_answer_s: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    tenth_ms: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)
    loads: dict[Case, list[LoadStats]] = field(default_factory=dict)
    most_mb: dict[Case, list[float]] = field(default_factory=dict)


def main() -> None:
    parser = bench_parser(
        "compare-services", __doc__, results=".json and .svg", page="benchmark-service.md"
    )
    parser.add_argument("--rounds", type=int, default=3, help="starts of each service")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument(
        "--clients", type=int, nargs="+", default=list(_CONCURRENCIES), help="how many at a time"
    )
    add_choices(parser, "--rivals", RIVALS, "what to compare with")
    arguments = parser.parse_args()
    images = photographs()
    cases = [Case(name, count) for name in images for count in arguments.clients]
    starts = {**OURS, **{name: RIVALS[name] for name in arguments.rivals}}
    measured = measure(starts, images, cases, arguments.rounds, arguments.seconds)
    write_report(arguments.output, arguments.page, measured, cases)


def photographs() -> dict[str, bytes]:
    """Return JPEG files of eleven portraits, by size."""
    group = pictures()["group 1280x886"]
    both = {"640x443": resize(group, 640, 443), "1280x886": group}
    return {name: encode_image(image, ".jpg") for name, image in both.items()}


def measure(
    starts: Mapping[str, Start],
    images: Mapping[str, bytes],
    cases: Sequence[Case],
    rounds: int,
    seconds: float,
) -> list[Measured]:
    measured = {name: Measured(name) for name in starts}
    with client_process() as clients, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Measuring", total=rounds * len(starts))
        for _ in range(rounds):
            for name, start in starts.items():
                _measure_once(measured[name], start, images, cases, seconds, clients)
                progress.advance(task)
    return list(measured.values())


def _measure_once(
    measured: Measured,
    start: Start,
    images: Mapping[str, bytes],
    cases: Sequence[Case],
    seconds: float,
    clients: ProcessPoolExecutor,
) -> None:
    began = time.monotonic()
    with start() as contestant:
        measured.ready_s.append(time.monotonic() - began)
        _first_requests(measured, contestant, images, began)
        for case in cases:
            request = post_of(images[case.picture])
            with watched_memory(contestant.pids) as samples:
                load = clients.submit(
                    closed_loop, contestant.port, [request], case.concurrency, seconds
                ).result()
            measured.loads.setdefault(case, []).append(summarize(load.answers))
            most_mb = max(megabytes for _, megabytes in samples)
            measured.most_mb.setdefault(case, []).append(most_mb)


def _first_requests(
    measured: Measured, contestant: Contestant, images: Mapping[str, bytes], began: float
) -> None:
    first = next(iter(images.values()))
    times_ms = [_post(contestant, first)[0]]
    measured.first_answer_s.append(time.monotonic() - began)
    times_ms += [_post(contestant, first)[0] for _ in range(_FIRST_REQUESTS - 1)]
    measured.first_ms.append(times_ms[0])
    measured.tenth_ms.append(times_ms[-1])
    measured.faces = {name: _post(contestant, image)[1] for name, image in images.items()}
    measured.idle_mb.append(tree_resident_mb(contestant.pids))


def _post(contestant: Contestant, image: bytes) -> tuple[float, int]:
    """Returns the latency, ms, and the number of faces."""
    started = time.perf_counter()
    response = contestant.client.post("/detect", files={"image": image})
    took_ms = (time.perf_counter() - started) * 1000
    return took_ms, len(response.raise_for_status().json()["faces"])


def write_report(
    output: Path, page: Path, measured: Sequence[Measured], cases: Sequence[Case]
) -> None:
    """Print the tables and write them into `page`; write `output`.json and .svg."""
    tables = [_loads_table(measured, cases), _starts_table(measured)]
    write_section(page, "compare-services", "\n\n".join(tables))
    rows = [_to_json(one) for one in measured]
    output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    bars = {
        one.name: [median_stats(one.loads[case]).per_second for case in cases] for one in measured
    }
    memory = {one.name: median(one.most_mb[cases[-1]]) for one in measured}
    labels = [f"{case.picture}\n{_clients(case.concurrency)}" for case in cases]
    draw_services(output.with_suffix(".svg"), labels, bars, memory)


def _clients(count: int) -> str:
    return f"{count} client{'s' if count > 1 else ''}"


def _loads_table(measured: Sequence[Measured], cases: Sequence[Case]) -> str:
    head = ["picture", "service", "requests/s", "embedded / this", "p50 ms", "p95 ms", "p99 ms"]
    rows = [[*head, "429", "errors", "peak MB"]]
    (ours,) = (one for one in measured if one.name == EMBEDDED)
    for case in cases:
        best = median_stats(ours.loads[case]).per_second
        for one in measured:
            stats = median_stats(one.loads[case])
            rows.append(
                [
                    f"{case.picture}, {_clients(case.concurrency)}",
                    one.name,
                    f"{stats.per_second:.1f}",
                    f"{best / stats.per_second:.2f}x" if stats.per_second else "",
                    *(f"{value:.0f}" for value in (stats.p50_ms, stats.p95_ms, stats.p99_ms)),
                    str(stats.rejected),
                    format_errors(stats),
                    f"{median(one.most_mb[case]):.0f}",
                ]
            )
    return print_table(rows)


def _starts_table(measured: Sequence[Measured]) -> str:
    rows = [
        ["service", "ready, s", "first answer, s", "1st request, ms", "10th request, ms", "idle MB"]
    ]
    for one in measured:
        values = [one.first_ms, one.tenth_ms, one.idle_mb]
        rows.append(
            [
                one.name,
                f"{median(one.ready_s):.1f}",
                f"{median(one.first_answer_s):.1f}",
                *(f"{median(value):.0f}" for value in values),
            ]
        )
    faces = {name: {one.name: one.faces[name] for one in measured} for name in measured[0].faces}
    counts = "; ".join(
        f"{name}: " + ", ".join(f"{count} ({service})" for service, count in found.items())
        for name, found in faces.items()
    )
    return f"{print_table(rows)}\n\nFaces found in {counts}."


def _to_json(one: Measured) -> dict[str, object]:
    loads = [
        {**asdict(case), "most_mb": one.most_mb[case], "rounds": [asdict(f) for f in rounds]}
        for case, rounds in one.loads.items()
    ]
    return {**{key: value for key, value in vars(one).items() if key != "most_mb"}, "loads": loads}


if __name__ == "__main__":
    main()
