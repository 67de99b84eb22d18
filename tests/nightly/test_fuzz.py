"""Short runs of scripts/fuzz: neither broken nor random images and forms do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.fuzz import (
    Result,
    find_fault,
    fuzz_decoding,
    fuzz_service,
    write_failures,
)
from benchmarks.fuzz_engine import fuzz_engine
from benchmarks.mutations import mutate_request, random_of, seeds
from tests.e2e.test_openapi import check_promises

SEED = 7
PROBLEM = {"type": "urn:x", "title": "x", "status": 400, "detail": "x"}
JSON, PROBLEM_JSON = "application/json", "application/problem+json"


def test_broken_requests_get_documented_answers_and_take_no_memory() -> None:
    result = fuzz_service(SEED, 0, 600)
    assert result.failures == {}
    assert sum(result.outcomes.values()) == 600
    statuses = {status for _, status in result.outcomes}
    assert statuses >= {"200", "400", "413", "415", "422"}
    assert result.growth() < 0.03


def test_broken_files_decode_or_are_refused() -> None:
    result = fuzz_decoding(SEED, 0, 3000)
    assert result.failures == {}
    outcomes = {outcome for _, outcome in result.outcomes}
    assert outcomes == {"decoded", "InvalidImage", "UnsupportedImage", "ImageTooLarge"}
    for origin in {origin for origin, _ in result.outcomes}:
        assert result.outcomes[origin, "decoded"] > 0
        assert result.outcomes[origin, "InvalidImage"] > 0


def test_every_instruction_set_answers_random_images_alike() -> None:
    result = fuzz_engine(SEED, 0, 2000)
    assert result.failures == {}
    assert result.cases == 2000
    assert result.faces > 200


def test_many_calls_get_what_the_openapi_document_promises() -> None:
    check_promises(examples=30)


@pytest.mark.parametrize(
    ("status", "kind", "answer"),
    [
        (500, PROBLEM_JSON, PROBLEM | {"status": 500}),
        (418, PROBLEM_JSON, PROBLEM | {"status": 418}),
        (0, "", {}),
        (400, JSON, PROBLEM),
        (400, PROBLEM_JSON, PROBLEM | {"status": 404}),
        (400, PROBLEM_JSON, PROBLEM | {"traceback": "x"}),
        (400, "text/plain", PROBLEM),
        (200, JSON, {}),
    ],
)
def test_wrong_answers_are_told(status: int, kind: str, answer: dict[str, object]) -> None:
    documented = {"200", "400", "404", "500"}
    assert find_fault((status, kind, json.dumps(answer).encode()), documented)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"7", b'["faces"]'])
@pytest.mark.parametrize("status", [200, 400])
def test_answers_that_are_no_json_are_told(status: int, content: bytes) -> None:
    assert find_fault((status, JSON, content), {"200", "400"})


def test_right_answers_are_not() -> None:
    for status, kind, answer in ((200, JSON, {"faces": []}), (400, PROBLEM_JSON, PROBLEM)):
        assert not find_fault((status, kind, json.dumps(answer).encode()), {"200", "400"})


def test_a_failing_body_is_written_so_that_it_can_be_repeated(tmp_path: Path) -> None:
    write_failures(Result(failures={12: "the reason"}), SEED, tmp_path)
    again = mutate_request(random_of(SEED, 12), seeds())
    assert (tmp_path / "7-12.bin").read_bytes() == again.data
    assert (tmp_path / "7-12.txt").read_text() == "the reason\n"
