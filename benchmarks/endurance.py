"""Ten thousand requests of all sizes and formats to the service: scripts/bench endurance.

The service's resident memory is drawn over time; it must level off. Prints by how much the last
third of the requests added to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.memory import tree_resident_mb
from benchmarks.pages import write_section
from benchmarks.pictures import pictures, resize
from benchmarks.servers import Gateway, gateway, wait_for
from benchmarks.soak import draw, growth_of
from facedetect.images import encode_image

_SIDES = (40, 1600)
_MIN_SIZES = (20, 30, 40, 60)
_FORMATS = (".jpg", ".jpg", ".jpg", ".png", ".webp")  # as uploads are
_CLIENTS = 4


@dataclass(frozen=True)
class Sent:
    """A picture's number among the sources, its size, format and min_size."""

    source: int
    width: int
    height: int
    suffix: str
    min_size: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=Path("docs/benchmark-endurance.svg"))
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-service.md"))
    arguments = parser.parse_args()
    with gateway() as service:
        wait_for(service.client, "/readyz", service.process)
        memory_mb = endure(service, arguments.requests)
    write_report(arguments.output, arguments.page, memory_mb)


def endure(service: Gateway, count: int) -> list[float]:
    """Post `count` pictures; the service's memory after each, MB."""
    sources = list(pictures().values())

    def post(sent: Sent) -> float:
        picture = resize(sources[sent.source], sent.width, sent.height)
        _post(service.client, encode_image(picture, sent.suffix), sent.min_size)
        return tree_resident_mb([service.process.pid])

    with ThreadPoolExecutor(_CLIENTS) as pool:
        posted = pool.map(post, _choices(count, len(sources)))
        return list(track(posted, "Posting", total=count, console=Console(stderr=True)))


def write_report(output: Path, page: Path, memory_mb: list[float]) -> None:
    """Print what came of it, write it into the page, and draw it."""
    told = growth_of(memory_mb)
    print(told)
    write_section(page, "endurance", f"{len(memory_mb):,} requests. {told}")
    draw(output, memory_mb)


def _choices(count: int, sources: int) -> Iterator[Sent]:
    generator = np.random.default_rng(1)
    pick = partial(generator.integers, 0)
    for _ in range(count):
        width, height = generator.integers(*_SIDES, size=2).tolist()
        suffix = _FORMATS[pick(len(_FORMATS))]
        yield Sent(int(pick(sources)), width, height, suffix, _MIN_SIZES[pick(len(_MIN_SIZES))])


def _post(client: httpx2.Client, image: bytes, min_size: int) -> None:
    answer = client.post("/detect", files={"image": image}, params={"min_size": min_size})
    answer.raise_for_status()


if __name__ == "__main__":
    main()
