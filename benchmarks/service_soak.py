"""Send ten thousand requests of all sizes and formats to the service: scripts/bench service-soak.

Plots its resident memory over time, which must level off, and prints the growth over the last
third of the requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.charts import draw_memory
from benchmarks.pages import write_section
from benchmarks.pictures import pictures, resize
from benchmarks.process_memory import tree_resident_mb
from benchmarks.servers import Gateway, gateway, wait_for
from benchmarks.soak import describe_growth
from facedetect.images import encode_image

_SIDES = (40, 1600)
_MIN_SIZES = (20, 30, 40, 60)
_FORMATS = (".jpg", ".jpg", ".jpg", ".png", ".webp")  # uploads are mostly JPEG
_CLIENTS = 4


@dataclass(frozen=True)
class Upload:
    """A request: the index of its source picture, its size, format and min_size."""

    source: int
    width: int
    height: int
    suffix: str
    min_size: int


def main() -> None:
    parser = bench_parser("service-soak", __doc__, results=".svg", page="benchmark-service.md")
    parser.add_argument("--requests", type=int, default=10_000, help="how many")
    arguments = parser.parse_args()
    with gateway() as service:
        wait_for(service.client, "/readyz", service.process)
        memory_mb = soak_service(service, arguments.requests)
    write_report(arguments.output, arguments.page, memory_mb)


def soak_service(service: Gateway, count: int) -> list[float]:
    """Post `count` pictures; return the service's memory after each, MB."""
    sources = list(pictures().values())

    def post(upload: Upload) -> float:
        picture = resize(sources[upload.source], upload.width, upload.height)
        _post(service.client, encode_image(picture, upload.suffix), upload.min_size)
        return tree_resident_mb([service.process.pid])

    with ThreadPoolExecutor(_CLIENTS) as pool:
        posted = pool.map(post, _choices(count, len(sources)))
        return list(track(posted, "Posting", total=count, console=Console(stderr=True)))


def write_report(output: Path, page: Path, memory_mb: list[float]) -> None:
    """Print the growth and write it into `page`; plot the memory in `output`.svg."""
    growth = describe_growth(memory_mb)
    print(growth)
    write_section(page, "service-soak", f"{len(memory_mb):,} requests. {growth}")
    draw_memory(output.with_suffix(".svg"), memory_mb, "requests")


def _choices(count: int, sources: int) -> Iterator[Upload]:
    generator = np.random.default_rng(1)
    pick = partial(generator.integers, 0)
    for _ in range(count):
        width, height = generator.integers(*_SIDES, size=2).tolist()
        suffix = _FORMATS[pick(len(_FORMATS))]
        yield Upload(int(pick(sources)), width, height, suffix, _MIN_SIZES[pick(len(_MIN_SIZES))])


def _post(client: httpx2.Client, image: bytes, min_size: int) -> None:
    answer = client.post("/detect", files={"image": image}, params={"min_size": min_size})
    answer.raise_for_status()


if __name__ == "__main__":
    main()
