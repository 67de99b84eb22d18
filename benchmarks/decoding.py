"""Measure memory and time of decoding the largest images: scripts/bench decoding.

Prints the table in docs/formats.md. Each file is a photograph of 25 million pixels, decoded in a
separate process.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - tells Pillow how to write JPEG XL
from PIL import Image
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.pictures import pictures, resize
from facedetect.images import ImageLimits, decode_image

_SIZE_WH = (6144, 4096)
_ORIENTATION = 0x0112
_LIMITS = ImageLimits(max_bytes=2**40)


def main() -> None:
    parser = bench_parser("decoding", __doc__)
    parser.add_argument("--measure", type=Path, help="decode only this file, in this process")
    one = parser.parse_args().measure
    if one is not None:
        measure(one)
        return
    with tempfile.TemporaryDirectory() as folder:
        progress = track(files(), "Decoding", console=Console(stderr=True))
        rows = [row(name, data, Path(folder)) for name, data in progress]
    print("| file | MB | bytes per pixel | s |\n| --- | --- | --- | --- |", *rows, sep="\n")


def files() -> list[tuple[str, bytes]]:
    """Return a file of each format, and of variants that need more memory than usual."""
    crowd = resize(pictures()["crowd 1920x1080"], *_SIZE_WH)
    image = Image.fromarray(cv2.cvtColor(crowd, cv2.COLOR_BGR2RGB))
    grey, clear = image.convert("L"), image.convert("RGBA")
    clear.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[_ORIENTATION] = 6
    return [
        ("JPEG", encode(image, "JPEG")),
        ("JPEG, progressive, turned", encode(image, "JPEG", progressive=True, exif=turned)),
        ("JPEG, progressive, CMYK", encode(image.convert("CMYK"), "JPEG", progressive=True)),
        ("PNG", encode(image, "PNG", compress_level=1)),
        ("PNG, transparent", encode(clear, "PNG", compress_level=1)),
        ("PNG, 16-bit grey", encode(deep, "PNG", compress_level=1)),
        ("WebP", encode(image, "WEBP", method=0)),
        ("WebP, lossless, transparent", encode(clear, "WEBP", lossless=True, quality=0, method=0)),
        ("HEIC", encode_heic(image)),
        ("HEIC, transparent", encode_heic(clear)),
        ("AVIF", encode(image, "AVIF", speed=10, subsampling="4:4:4")),
        ("AVIF, transparent", encode(clear, "AVIF", speed=10, subsampling="4:4:4")),
        ("GIF", encode(image.quantize(256), "GIF")),
        ("BMP", encode(image, "BMP")),
        ("TIFF, LZW", encode(image, "TIFF", compression="tiff_lzw")),
        ("TIFF, 16 bits", cv2.imencode(".tif", crowd.astype(np.uint16) * 257)[1].tobytes()),
        ("JPEG 2000", cv2.imencode(".jp2", crowd)[1].tobytes()),
        ("JPEG XL", encode(image, "JXL", effort=1)),
    ]


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encode_heic(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, enc_params={"preset": "ultrafast"})
    return buffer.getvalue()


def row(name: str, data: bytes, folder: Path) -> str:
    """Decode in a new process; return a row of the table."""
    path = folder / "image"
    path.write_bytes(data)
    command = [sys.executable, "-m", "benchmarks.decoding", "--measure", str(path)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    megabytes, seconds = map(float, ended.stdout.split())
    per_pixel = megabytes * 1e6 / (_SIZE_WH[0] * _SIZE_WH[1])
    return f"| {name} | {megabytes:.0f} | {per_pixel:.0f} | {seconds:.1f} |"


def measure(path: Path) -> None:
    """Print the peak memory growth, MB, including the file itself, and the seconds."""
    decode_image(encode(Image.new("RGB", (8, 8)), "PNG"), _LIMITS)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = peak_mb()
    data = path.read_bytes()
    started = time.monotonic()
    decode_image(data, _LIMITS)
    print(peak_mb() - before, time.monotonic() - started)


def peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kilobytes * 1024 / 1e6


if __name__ == "__main__":
    main()
