"""Short runs of the HTTP service's benchmarks: they work, whatever they measure."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from benchmarks import http_overhead, service_soak
from benchmarks.clients import closed_loop, open_loop, post_of
from benchmarks.load_stats import Answer, format_errors, summarize
from benchmarks.pages import print_table, write_section
from benchmarks.process_memory import resident_mb, tree_resident_mb, watched_memory
from benchmarks.servers import Gateway, gateway, wait_for
from facedetect import Detector
from tests.nightly.test_benchmarks import ROOT, bench

STATUSES = (200, 200, 429)


class RejectsOneInThree(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    numbers = count()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = STATUSES[next(self.numbers) % 3]
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), RejectsOneInThree) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "docs/benchmark-service.md", tmp_path / "service.md"))


def section(page: Path, name: str) -> str:
    return page.read_text("utf-8").split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]


def test_a_closed_loop_waits_for_answers_and_for_retry_after(port: int) -> None:
    load = closed_loop(port, [post_of(b"image")], 2, 0.5)
    found = summarize(load.answers)
    assert found.errors == {}
    assert found.statuses[200] == pytest.approx(2 * found.rejected, abs=2)
    assert all(answer.retry_after_s == (answer.status == 429) for answer in load.answers)


def test_an_open_loop_keeps_its_rate(port: int) -> None:
    load = open_loop(port, [post_of(b"image")], rate=100, seconds=0.5)
    due = [answer.due_s for answer in load.answers]
    assert len(due) == 50
    assert due == sorted(due)
    assert 0 <= due[0] < due[-1] <= 0.5
    assert all(answer.took_ms >= answer.late_ms >= -1 for answer in load.answers)


def test_a_refused_connection_counts_as_no_answer() -> None:
    (answer, *_) = closed_loop(1, [post_of(b"image")], 1, 0.01).answers
    assert format_errors(summarize([answer])) == "none: 1"


def test_stats_count_answers_within_the_time() -> None:
    answers = [Answer(at / 10, 0, 100 + at, 200) for at in range(10)]
    answers += [Answer(0.5, 0, 1, 429, retry_after_s=1), Answer(0.5, 0, 1, 500)]
    found = summarize(answers, 0.5)
    assert found.per_second == 4 / 0.5
    assert (found.p50_ms, found.longest_ms) == (104.5, 109)
    assert (found.rejected, found.errors) == (1, {500: 1})
    assert math.isnan(summarize(answers[-2:]).p99_ms)


def test_memory_is_that_of_a_process_and_its_children() -> None:
    assert tree_resident_mb([1_000_000_000]) == 0
    with watched_memory([os.getpid()]) as samples:
        pass
    assert samples[0][1] >= 0.9 * resident_mb()


def test_a_section_is_replaced_and_must_be_there(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- load -->\nold\n<!-- /load -->\nb\n")
    write_section(page, "load", "new\\1")
    assert page.read_text() == "a\n<!-- load -->\n\nnew\\1\n\n<!-- /load -->\nb\n"
    with pytest.raises(ValueError, match="must contain <!-- slow -->"):
        write_section(page, "slow", "new")


def test_compare_services_measures_ours_and_writes_the_report(page: Path) -> None:
    output = page.with_suffix("")
    bench(
        "compare_services",
        *("--rounds", "1", "--seconds", "0.3", "--clients", "1", "8"),
        *("--output", output, "--page", page, "--rivals"),
    )
    rows = json.loads(output.with_suffix(".json").read_text())
    assert [row["name"] for row in rows] == [
        "facedetect, embedded",
        "facedetect, gateway and model server",
    ]
    assert rows[0]["faces"] == rows[1]["faces"]
    assert all(load["rounds"][0]["per_second"] > 1 for row in rows for load in row["loads"])
    assert "| 640x443, 8 clients | facedetect, embedded |" in section(page, "compare-services")
    assert output.with_suffix(".svg").read_text().startswith("<?xml")


@pytest.fixture(scope="module")
def service() -> Iterator[Gateway]:
    with gateway() as running:
        wait_for(running.client, "/readyz", running.process)
        yield running


def test_http_overhead_compares_both_ways(service: Gateway, page: Path) -> None:
    with Detector() as detector:
        rows = http_overhead.measure(service, detector, rounds=1, repetitions=1, seconds=0.3)
    write_section(page, "http-overhead", print_table(rows))
    written = section(page, "http-overhead")
    assert written.count("| latency, ms |") == 2
    assert written.count("| throughput, images/s |") == 2


def test_load_goes_beyond_the_capacity(page: Path) -> None:
    output = page.with_name("load")
    times = ("--rounds", "1", "--seconds", "2", "--times", "1", "4")
    bench("load", *times, "--output", output, "--page", page)
    measured = json.loads(output.with_suffix(".json").read_text())
    some, many = measured["loads"]
    assert many["rate"] == 4 * some["rate"]
    assert all(load["rounds"][0]["per_second"] > 1 for load in (some, many))
    assert measured["memory_mb"][-1][1] > 100
    assert "| 4x | " in section(page, "load")
    assert output.with_suffix(".svg").read_text().startswith("<?xml")


def test_service_soak_records_memory_for_each_request(service: Gateway, page: Path) -> None:
    memory_mb = service_soak.soak_service(service, 12)
    assert all(value > 100 for value in memory_mb)
    service_soak.write_report(page.with_suffix(""), page, memory_mb)
    assert "12 requests. Resident memory: " in section(page, "service-soak")
    assert page.with_suffix(".svg").read_text().startswith("<?xml")
