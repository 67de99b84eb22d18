"""Short runs of the benchmarks: they work, whatever they measure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import replicas
from benchmarks.compare_packages import same_faces
from benchmarks.pictures import pictures
from benchmarks.soak import soak
from facedetect.images import encode_image

ROOT = Path(__file__).parents[2]


def bench(name: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return ended.stdout


def test_every_command_is_listed_and_documented() -> None:
    listed = re.search(r"names=\((.*?)\)", (ROOT / "scripts/bench").read_text(), re.DOTALL)
    assert listed
    names = set(listed[1].split())
    modules = (path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "fuzz.py")
    commands = {path for path in modules if "= bench_parser(" in path.read_text("utf-8")}
    assert names == {path.stem.replace("_", "-") for path in commands}
    documented = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for path in commands:
        name = path.stem.replace("_", "-")
        assert f"scripts/bench {name}" in documented
        assert f"scripts/bench {name}" in path.read_text("utf-8")


def test_compare_packages_measures_ours_and_writes_the_report(tmp_path: Path) -> None:
    """With the published graph, if FACEDETECT_REFERENCE_DIR names it."""
    page = Path(shutil.copy(ROOT / "docs/benchmark.md", tmp_path))
    output = tmp_path / "report"
    few = ("--pictures", "portrait 512x512", "crowd 1920x1080")
    folder = os.environ.get("FACEDETECT_REFERENCE_DIR")
    reference = ("--reference", Path(folder) / "tf-mtcnn.pb") if folder else ()
    options = ("--rounds", "1", *few, *reference, "--output", output, "--page", page)
    bench("compare_packages", *options, "--rivals")
    ours, graph, *published = json.loads(output.with_suffix(".json").read_text())
    assert (ours["name"], graph["name"]) == ("facedetect", "facedetect graph")
    assert (graph["faces"], graph["differing"]) == (ours["faces"], [])
    assert [row["name"] for row in published] == ["tf-mtcnn graph"][: len(reference)]
    assert ours["faces"]["portrait 512x512, 20"] == 1
    assert ours["faces"]["crowd 1920x1080, 20"] > 100
    assert ours["mean_ratio"] == 1
    table = page.read_text()
    assert "| portrait 512x512, 20 | " in table
    assert "| group 640x480, 20 | " not in table
    assert output.with_suffix(".svg").read_text().startswith("<?xml")


def test_limit_prints_ratios_and_a_profile() -> None:
    printed = bench("limit", "--rounds", "1", "--pictures", "crowd 1920x1080")
    assert "engine / limit" in printed
    assert "crowd 1920x1080, 40" in printed
    assert "Conv2D" in printed


def test_memory_is_recorded_for_each_picture() -> None:
    memory_mb = soak(12)
    assert len(memory_mb) == 12
    assert all(100 < value < 3000 for value in memory_mb)


def test_faces_are_the_same_if_each_overlaps_by_half() -> None:
    one, beside = [0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]
    assert same_faces([beside, one], [one, beside])
    assert same_faces([[1.0, 1.0, 10.0, 10.0]], [one])
    assert not same_faces([[6.0, 6.0, 16.0, 16.0]], [one])
    assert not same_faces([one], [one, beside])


def test_serving_overhead_measures_every_way(tmp_path: Path) -> None:
    page = Path(shutil.copy(ROOT / "docs/benchmark-serving.md", tmp_path))
    bench("serving_overhead", "--rounds", "1", "--page", page)
    text = page.read_text()
    for way in ("gRPC, float32", "gRPC, uint8", "gRPC, the JPEG", "REST, as PNG", "POST /detect"):
        assert text.count(f"| {way}") == 2


def test_no_answer_fails_while_replicas_die_hang_and_change(cold_model: Path) -> None:
    portrait = encode_image(pictures()["portrait 512x512"], ".jpg")
    answers, events = replicas.run(cold_model, portrait, 1.5)
    assert len(events) == 5
    assert len(answers) > 50
    assert {answer.outcome for answer in answers} == {"right"}
    assert {answer.version for answer in answers} == {1, 2}
