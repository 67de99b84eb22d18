"""Compare how facedetect and deface hide faces: scripts/bench anonymising.

Both get the same pictures and video and use their default options. What they hid is determined
from the pixels they changed, so that both are measured equally.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import add_choices, bench_parser
from benchmarks.environments import environment
from benchmarks.hidden import Hidden, hidden_by_black, hidden_by_change, score_mask
from benchmarks.pages import print_table, write_section
from benchmarks.servers import FACEDETECT, Command
from benchmarks.synthetic_archive import compose, read_sources
from benchmarks.synthetic_video import make_clip, read_frames
from facedetect import load_image
from facedetect.faces import Box
from facedetect.images import encode_image

_SIZES_WH = ((640, 480), (1280, 960), (1920, 1080))
_PEOPLE = (1, 3, 8)
_BLUR, _BLACK = "blur", "solid"

Faces = Mapping[str, Sequence[Box]]
Labelled = tuple[Path, Faces]
Hide = Callable[[Path, Path, str], None]


@dataclass
class Measured:
    """One tool: s per round over the photographs and the video; what it hid, by material."""

    name: str
    photographs_s: list[float] = field(default_factory=list)
    video_s: list[float] = field(default_factory=list)
    hidden: dict[str, Hidden] = field(default_factory=dict)


def main() -> None:
    parser = bench_parser("anonymising", __doc__, results=".json", page="benchmark-folder.md")
    parser.add_argument("--pictures", type=int, default=90, help="composed photographs")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the video")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of the timing")
    add_choices(parser, "--rivals", _RIVALS, "what to compare with")
    parser.add_argument("--wider", type=Path, help="folder of labelled photographs with a gt.json")
    arguments = parser.parse_args()
    rivals = {name: _RIVALS[name] for name in arguments.rivals}
    tools = {**_OURS, **rivals}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        made = {"composed photographs": make_pictures(scratch / "made", arguments.pictures)}
        if arguments.wider:
            made["WIDER FACE"] = read_wider(arguments.wider, scratch / "wider")
        measured = [Measured(name) for name in tools]
        for one in measured:
            for material, labelled in made.items():
                one.hidden[material] = hidden_in_pictures(tools[one.name], labelled)
        measure_times(measured, tools, next(iter(made.values())), arguments.rounds)
        measure_video(measured, tools, scratch / "video", arguments.seconds, arguments.rounds)
    write_report(arguments.output, arguments.page, measured)


def make_pictures(folder: Path, count: int) -> Labelled:
    """Write PNG files of several sizes; returns the folder and the faces of each file."""
    folder.mkdir()
    sources, faces = read_sources(), {}
    for number in range(count):
        size_wh, people = _SIZES_WH[number % 3], _PEOPLE[number // 3 % 3]
        image, boxes = compose(sources, np.random.default_rng([2, number]), size_wh, people)
        name = f"{number:03}.png"
        (folder / name).write_bytes(encode_image(image, ".png"))
        faces[name] = boxes
    return folder, faces


def read_wider(source: Path, folder: Path) -> Labelled:
    """Write labelled photographs as PNG files, so that only hidden pixels change."""
    folder.mkdir()
    faces = {}
    for number, row in enumerate(json.loads((source / "gt.json").read_text("utf-8"))):
        name = f"{number:03}.png"
        image = load_image(source / row["image"])
        (folder / name).write_bytes(encode_image(image, ".png"))
        faces[name] = [Box(*corners) for corners in row["all_boxes"]]
    return folder, faces


def hide_ours(options: Sequence[str], source: Path, output: Path, style: str) -> None:
    command: Command = [FACEDETECT, "annotate-folder", source, output, "--style", style, "--quiet"]
    _run([*command, *options])


def hide_deface(source: Path, output: Path, style: str) -> None:
    """Give deface links in the output folder, because it writes next to its sources."""
    deface = environment("deface").with_name("deface")
    output.mkdir()
    links = [output / path.name for path in sorted(source.iterdir())]
    for link in links:
        link.symlink_to(source / link.name)
    _run([deface, "--replacewith", style, *links])
    for link in links:
        link.with_stem(f"{link.stem}_anonymized").replace(link)


# Lower thresholds and smaller faces: when hiding faces, hide too much rather than too little.
_CAREFUL = ("--min-size", "12", "--thresholds", "0.5,0.5,0.3")
_FEW_MISSES = ("--preset", "few-misses")
_OURS: dict[str, Hide] = {
    "facedetect": partial(hide_ours, ()),
    "facedetect, careful": partial(hide_ours, _CAREFUL),
    "facedetect, few-misses": partial(hide_ours, _FEW_MISSES),
}
_RIVALS: dict[str, Hide] = {"deface": hide_deface}


def _run(command: Command) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{command[0]} ended with {ended.returncode}: {ended.stderr[-2000:]}")


def hidden_in_pictures(hide: Hide, labelled: Labelled) -> Hidden:
    folder, faces = labelled
    hidden = Hidden()
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        hide(folder, output, _BLUR)
        for name, boxes in faces.items():
            mask = hidden_by_change(load_image(folder / name), load_image(output / name))
            hidden.add(score_mask(mask, boxes))
    return hidden


def measure_times(
    measured: Sequence[Measured], tools: Mapping[str, Hide], labelled: Labelled, rounds: int
) -> None:
    """Time the tools in turns on the same pictures, as JPEG files."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "in"
        source.mkdir()
        for name in labelled[1]:
            jpeg = encode_image(load_image(labelled[0] / name), ".jpg")
            (source / name).with_suffix(".jpg").write_bytes(jpeg)
        for _ in track(range(rounds), "Photographs", console=Console(stderr=True)):
            for one in measured:
                one.photographs_s.append(_timed(tools[one.name], source, _BLUR))


def measure_video(
    measured: Sequence[Measured],
    tools: Mapping[str, Hide],
    folder: Path,
    seconds: float,
    rounds: int,
) -> None:
    """Time the tools in turns on a video, then score what each one hid."""
    source, name = folder / "in", "clip.mp4"
    faces = make_clip(source / name, seconds)
    for _ in track(range(rounds), "Video", console=Console(stderr=True)):
        for one in measured:
            one.video_s.append(_timed(tools[one.name], source, _BLUR))
    frames = read_frames(source / name)
    for one in measured:
        output = folder / one.name
        tools[one.name](source, output, _BLACK)
        hidden = one.hidden["video"] = Hidden()
        for frame, result, seen in zip(frames, read_frames(output / name), faces, strict=True):
            hidden.add(score_mask(hidden_by_black(frame, result), seen.whole, seen.cut))


def _timed(hide: Hide, source: Path, style: str) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        started = time.monotonic()
        hide(source, Path(scratch) / "out", style)
        return time.monotonic() - started


def write_report(output: Path, page: Path, measured: Sequence[Measured]) -> None:
    """Print the tables and write them into `page`; write all measurements to `output`.json."""
    write_section(page, "anonymising", f"{_times_table(measured)}\n\n{_hidden_table(measured)}")
    rows = [asdict(one) for one in measured]
    output.with_suffix(".json").write_text(json.dumps(rows) + "\n", "utf-8")


def _times_table(measured: Sequence[Measured]) -> str:
    ours = measured[0]
    rows = [["tool", "photographs, s", "vs facedetect", "video, s", "vs facedetect"]]
    for one in measured:
        pairs = ((one.photographs_s, ours.photographs_s), (one.video_s, ours.video_s))
        cells = [one.name]
        for times, base in pairs:
            ratio = median(a / b for a, b in zip(times, base, strict=True))
            cells += [f"{median(times):.1f}", f"{ratio:.2f}x"]
        rows.append(cells)
    return print_table(rows)


def _hidden_table(measured: Sequence[Measured]) -> str:
    rows = [["material", "tool", "faces", "missed", "missed by size", "falsely hidden pixels"]]
    for material in measured[0].hidden:
        for one in measured:
            hidden = one.hidden[material]
            by_size = "; ".join(f"{size}: {m} of {n}" for size, (m, n) in hidden.by_size().items())
            share = f"{hidden.false_pixels / hidden.pixels:.3%}"
            counts = [str(hidden.faces), f"{hidden.missed / hidden.faces:.1%}"]
            rows.append([material, one.name, *counts, by_size, share])
    return print_table(rows)


if __name__ == "__main__":
    main()
