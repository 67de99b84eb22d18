"""Compares what we decode with what OpenCV and libvips decode, over every kind of file at hand.

    python -m tests.second_opinion [--every N]

writes a corpus with all encoders there are (Pillow and its plugins, OpenCV, libvips, and our own
writers of TIFF and BMP), decodes it three times, and lists what differs by more than rounding.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from facedetect.errors import FacedetectError
from facedetect.images import ImageLimits, decode_image
from tests.conftest import ASTRONAUT
from tests.unit.metadata import display_p3
from tests.unit.pictures import encode, exif_of
from tests.unit.test_images_kinds import MASKS, bmp
from tests.unit.tiffs import CMYK, DEFLATE, GREY, GREY_INVERTED, RGB, Layout, write_tiff

Pixels = NDArray[np.uint8]

_WIDTH, _HEIGHT = 101, 75  # odd, so that rows end within blocks, tiles and bytes
_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF")
# Rounding of a depth or an alpha. Lossy formats leave it open how exactly they are decoded, and
# colours of half the resolution how they are enlarged.
_MAX_DIFFERENCE, _MAX_MEAN_OF_LOSSY = 2, 3.0

# Where nobody agrees with us, and why that is right; docs/formats.md says it, too.
EXPLAINED = {
    "TIFF by libvips, (Lab|float)": "floating-point pixels are refused",
    "TIFF RGB, extra": "a fourth sample is transparency only if the file says so",
    "TIFF .*CMYK": "without a profile libvips takes one of a printer, we subtract inks from white",
    "TIFF .*planar": "libvips reads 4 bits as black and alpha wrong, OpenCV tiles at the edges",
    "BMP .*header 40": "OpenCV does not scale 5 bits to 8, and takes reserved bits for alpha",
}


@dataclass(frozen=True)
class Sample:
    """A file of the corpus and what writes it; `name` begins with its format."""

    name: str
    write: Callable[[], bytes]

    @property
    def format(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True)
class Opinions:
    """What the decoders make of a file: pixels, or why there are none."""

    sample: Sample
    ours: Pixels | str
    opencv: Pixels | str
    libvips: Pixels | str

    def verdict(self) -> str:
        """In a few words, for the table."""
        others = {"OpenCV": self.opencv, "libvips": self.libvips}
        readers = [name for name, pixels in others.items() if not isinstance(pixels, str)]
        if isinstance(self.ours, str):
            return f"only read by {' and '.join(readers)}" if readers else "read by none"
        differing = [name for name in readers if not self._agrees(others[name])]
        if not differing:
            return "same" if readers else "only read by us"
        alone = ", nobody agrees" if differing == readers else ""
        return f"differs from {' and '.join(differing)}{alone}"

    @property
    def is_doubtful(self) -> bool:
        """Whether others read it, none like us, and there is no explanation."""
        verdict = self.verdict()
        is_explained = any(re.match(pattern, self.sample.name) for pattern in EXPLAINED)
        is_refused = isinstance(self.ours, str) and verdict != "read by none"
        return ("nobody" in verdict or is_refused) and not is_explained

    def _agrees(self, other: Pixels | str) -> bool:
        assert not isinstance(self.ours, str)
        if isinstance(other, str) or other.shape != self.ours.shape:
            return False
        difference = np.abs(self.ours.astype(int) - other)
        if self.sample.format in _LOSSLESS and "lossy" not in self.sample.name:
            return bool(difference.max() <= _MAX_DIFFERENCE)
        return bool(difference.mean() <= _MAX_MEAN_OF_LOSSY)


def ask(sample: Sample) -> Opinions:
    """Decode a file with all decoders."""
    data = sample.write()
    return Opinions(sample, _by_us(data), by_opencv(data), by_libvips(data))


def _by_us(data: bytes) -> Pixels | str:
    try:
        return decode_image(data, ImageLimits(max_frames=99))
    except FacedetectError as error:
        return str(error)


def by_opencv(data: bytes) -> Pixels | str:
    """Decode with OpenCV, which knows neither profiles nor premultiplied alpha."""
    stored = np.frombuffer(data, np.uint8)
    try:
        whole = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
        image = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    except cv2.error as error:
        return str(error)
    if whole is None or image is None:
        return "refused"
    if whole.ndim == 3 and whole.shape[2] == 4:
        most = 255 if whole.dtype == np.uint8 else 65535
        alpha = whole[..., 3:].astype(float) / most
        flat = whole[..., :3] * (alpha * 255 / most) + 255 * (1 - alpha)
        return np.rint(flat).clip(0, 255).astype(np.uint8)
    return np.asarray(image, np.uint8)


def by_libvips(data: bytes) -> Pixels | str:
    """Decode with libvips: turned, over white, in sRGB."""
    try:
        image = pyvips.Image.new_from_buffer(data, "", fail_on="error").autorot()
        if image.interpretation == "cmyk" and image.get_typeof("icc-profile-data"):
            image = image.icc_transform("srgb", embedded=True, black_point_compensation=True)
        elif image.format in {"ushort", "uchar"} and image.interpretation == "multiband":
            image = image.copy(interpretation="b-w" if image.bands < 3 else "srgb")
        if image.interpretation not in {"srgb", "rgb16"}:
            image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        most = 65535 if image.format == "ushort" else 255
        if image.hasalpha():
            image = image.flatten(background=[most] * 3, max_alpha=most)
        if image.format == "ushort":
            image = image >> 8
        return np.ascontiguousarray(image.cast("uchar").numpy()[..., 2::-1])
    except pyvips.Error as error:
        return str(error).splitlines()[0]


def corpus() -> Iterator[Sample]:
    """Every kind of file that the encoders here can write."""
    picture = Image.open(ASTRONAUT).crop((160, 60, 160 + _WIDTH, 60 + _HEIGHT))
    for part in (_pillow_files, _opencv_files, _libvips_files, _tiff_files, _bmp_files):
        yield from part(picture)


def with_alpha(picture: Image.Image, mode: str = "RGBA") -> Image.Image:
    """The picture, transparent towards its right edge."""
    alpha = Image.linear_gradient("L").rotate(90).resize(picture.size)
    result = picture.convert("RGB")
    result.putalpha(alpha)
    return result.convert(mode)


Kind = tuple[str, str, Image.Image, Mapping[str, object]]


def _pillow_files(picture: Image.Image) -> Iterator[Sample]:
    for kinds in (_modes, _palettes, _jpegs, _orientations, _tiffs, _new_formats):
        for name, kind, image, options in kinds(picture):
            yield Sample(name, partial(encode, image, kind, **options))


def _images(picture: Image.Image) -> dict[str, Image.Image]:
    modes = {mode: picture.convert(mode) for mode in ("1", "L", "P", "RGB", "CMYK")}
    modes |= {mode: with_alpha(picture, mode) for mode in ("LA", "RGBA")}
    deep = np.asarray(modes["L"]).astype(np.uint16) * 257
    return modes | {"I;16": Image.fromarray(deep)}


def _modes(picture: Image.Image) -> Iterator[Kind]:
    images = _images(picture)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = images[mode]
        yield f"PNG {mode}", "PNG", image, {}
        yield f"PNG {mode} profile", "PNG", image, {"icc_profile": display_p3()}
        yield f"BMP {mode}", "BMP", image.convert("L") if mode == "LA" else image, {}
        yield f"WEBP {mode} lossless", "WEBP", image, {"lossless": True}
        yield f"WEBP {mode} lossy", "WEBP", image, {"quality": 95}
        for quality in (60, 95):
            yield f"AVIF {mode} {quality}", "AVIF", image, {"quality": quality}
    for mode in ("L", "LA", "RGB", "RGBA", "I;16"):
        yield f"JPEG2000 {mode}", "JPEG2000", images[mode], {}


def _palettes(picture: Image.Image) -> Iterator[Kind]:
    grey = picture.convert("L")
    for colours in (2, 4, 16, 200):
        palette = picture.quantize(colours)
        for kind, name in product(("PNG", "GIF"), ("", "transparent")):
            options = {"transparency": 1} if name else {}
            yield f"{kind} palette {colours} {name}", kind, palette, options
        yield f"PNG palette {colours} alphas", "PNG", palette, {"transparency": bytes([0, 128])}
        yield f"BMP palette {colours}", "BMP", palette, {}
    for interlace in (0, 1):
        yield f"GIF interlace {interlace}", "GIF", grey, {"interlace": interlace}
    yield "PNG L key", "PNG", grey, {"transparency": 100}
    yield "PNG RGB key", "PNG", picture, {"transparency": picture.getpixel((50, 40))}
    for bits in (1, 2, 4):
        yield f"PNG palette of {bits} bits", "PNG", picture.quantize(2**bits), {"bits": bits}


def _jpegs(picture: Image.Image) -> Iterator[Kind]:
    for mode, subsampling, progressive, quality in product(
        ("L", "RGB", "CMYK"), (0, 1, 2), (False, True), (50, 95)
    ):
        options = {"subsampling": subsampling, "progressive": progressive, "quality": quality}
        name = f"JPEG {mode} {subsampling} {'progressive' if progressive else ''} {quality}"
        yield name, "JPEG", picture.convert(mode), options
    for name in ("restart_marker_blocks", "optimize", "keep_rgb"):
        yield f"JPEG {name}", "JPEG", picture, {name: True}
    yield "JPEG profile", "JPEG", picture, {"icc_profile": display_p3()}


def _orientations(picture: Image.Image) -> Iterator[Kind]:
    kinds = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JXL")
    for orientation, kind in product(range(1, 9), kinds):
        options = {"exif": exif_of(orientation).tobytes()}
        yield f"{kind} orientation {orientation}", kind, picture, options


def _tiffs(picture: Image.Image) -> Iterator[Kind]:
    compressions = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd")
    for (mode, image), compression, big in product(
        _images(picture).items(), compressions, (False, True)
    ):
        options = {"compression": compression, "big_tiff": big}
        yield f"TIFF {mode} {compression}{' big' * big}", "TIFF", image, options
    for mode in ("L", "RGB"):
        options = {"compression": "jpeg", "quality": 95}
        yield f"TIFF {mode} lossy jpeg", "TIFF", picture.convert(mode), options
    for compression, big in product(("group3", "group4", "tiff_ccitt"), (False, True)):
        options = {"compression": compression, "big_tiff": big}
        yield f"TIFF fax {compression}{' big' * big}", "TIFF", picture.convert("1"), options


def _new_formats(picture: Image.Image) -> Iterator[Kind]:
    images = _images(picture)
    for mode, quality in product(("L", "RGB", "RGBA"), (60, 95)):
        yield f"HEIF {mode} {quality}", "HEIF", images[mode], {"quality": quality}
    for mode, lossless in product(("L", "LA", "RGB", "RGBA"), (False, True)):
        yield f"JXL {mode} {lossless}", "JXL", images[mode], {"lossless": lossless}
    for subsampling in ("4:0:0", "4:2:0", "4:2:2", "4:4:4"):
        yield f"AVIF {subsampling}", "AVIF", picture, {"subsampling": subsampling, "quality": 90}
    for tile, lossy in product((None, (32, 32)), (False, True)):
        options = {"tile_size": tile, "irreversible": lossy, "no_jp2": lossy}
        yield f"JPEG2000 tile {tile} {lossy}", "JPEG2000", picture, options


def _opencv_files(picture: Image.Image) -> Iterator[Sample]:
    bgra = np.asarray(with_alpha(picture))[..., [2, 1, 0, 3]]
    for channels, bits in product((1, 3, 4), (8, 16)):
        image = np.ascontiguousarray(bgra[..., :channels])
        deep = image.astype(np.uint16) * 257
        stored = image if bits == 8 else deep
        kinds: list[tuple[str, str, list[int]]] = [("PNG", ".png", [])]
        kinds += [("TIFF", ".tif", [cv2.IMWRITE_TIFF_COMPRESSION, n]) for n in (1, 5, 8, 32946)]
        kinds += [("JPEG2000", ".jp2", [])] if channels < 4 else []
        if bits == 8:
            kinds += [("BMP", ".bmp", []), ("WEBP lossy", ".webp", [cv2.IMWRITE_WEBP_QUALITY, 90])]
        for kind, suffix, options in kinds:
            name = f"{kind} by OpenCV, {channels}x{bits} {options}"
            yield Sample(name, partial(_by_opencv, suffix, stored, options))
    for depth in (8, 10, 12):
        image = bgra[..., :3].astype(np.uint16) << (depth - 8)
        stored = image.astype(np.uint8) if depth == 8 else image
        options = [cv2.IMWRITE_AVIF_DEPTH, depth]
        yield Sample(f"AVIF by OpenCV, {depth}", partial(_by_opencv, ".avif", stored, options))


def _by_opencv(suffix: str, image: NDArray[Any], options: list[int]) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _libvips_files(picture: Image.Image) -> Iterator[Sample]:
    rgb = pyvips.Image.new_from_array(np.asarray(picture), interpretation="srgb")
    rgba = pyvips.Image.new_from_array(np.asarray(with_alpha(picture)), interpretation="srgb")
    images = {"RGB": rgb, "RGBA": rgba, "grey": rgb.colourspace("b-w")}
    images |= {"RGB16": rgb.colourspace("rgb16"), "RGBA16": rgba.colourspace("rgb16")}
    images |= {"grey16": rgb.colourspace("grey16"), "CMYK": rgb.icc_transform("cmyk")}
    images |= {"LA": rgba.colourspace("b-w"), "LA16": rgba.colourspace("grey16")}
    images |= {"Lab": rgb.colourspace("lab"), "float": rgb.colourspace("scrgb")}
    for name, image in images.items():
        for options in (
            {}, {"tile": True, "tile_width": 32, "tile_height": 32}, {"bigtiff": True},
            {"compression": "lzw", "predictor": "horizontal"}, {"compression": "packbits"},
            {"compression": "deflate", "tile": True, "pyramid": True, "subifd": True},
        ):  # fmt: skip
            yield _by_libvips(f"TIFF by libvips, {name}", image, ".tif", options)
    for name, interlace in product(("RGB", "RGBA", "grey", "RGB16", "grey16", "LA16"), (0, 1)):
        yield _by_libvips(f"PNG by libvips, {name}", images[name], ".png", {"interlace": interlace})
    for bits in (1, 2, 4, 8):
        yield _by_libvips(
            "PNG by libvips, palette", rgb, ".png", {"palette": True, "bitdepth": bits}
        )
        grey = images["grey"]
        yield _by_libvips("PNG by libvips, grey", grey, ".png", {"bitdepth": bits})
        if bits < 8:
            yield _by_libvips("TIFF by libvips, grey", grey, ".tif", {"bitdepth": bits})
            options = {"bitdepth": bits, "miniswhite": True}
            yield _by_libvips("TIFF by libvips, grey", grey, ".tif", options)
    for name in ("RGB", "grey", "CMYK"):
        for options in ({"interlace": True}, {"subsample_mode": "off"}, {"trellis_quant": True}):
            yield _by_libvips(f"JPEG by libvips, {name}", images[name], ".jpg", options)
    for name, interlace in product(("RGB", "RGBA", "grey"), (False, True)):
        yield _by_libvips(f"GIF by libvips, {name}", images[name], ".gif", {"interlace": interlace})
    for name, lossless in product(("RGB", "RGBA"), (False, True)):
        kind = f"WEBP by libvips, {name} {'lossless' if lossless else 'lossy'}"
        yield _by_libvips(kind, images[name], ".webp", {"lossless": lossless})


def _by_libvips(
    name: str, image: pyvips.Image, suffix: str, options: Mapping[str, object]
) -> Sample:
    words = " ".join(f"{key}={value}" for key, value in options.items())
    return Sample(f"{name} {words}", partial(image.write_to_buffer, suffix, **options))


def _tiff_files(picture: Image.Image) -> Iterator[Sample]:
    colours = np.asarray(with_alpha(picture)).astype(np.uint16)
    cmyk = np.asarray(picture.convert("CMYK")).astype(np.uint16)
    cmyk_alpha = np.dstack([cmyk, colours[..., 3]])
    shapes = {
        "grey": (colours[..., :1], GREY, ()),
        "inverted": (colours[..., :1], GREY_INVERTED, ()),
        "grey, alpha": (colours[..., [0, 3]], GREY, (2,)),
        "RGB": (colours[..., :3], RGB, ()),
        "RGBA": (colours, RGB, (2,)),
        "RGB, extra": (colours, RGB, (0,)),
        "CMYK": (cmyk, CMYK, ()),
        "CMYK, alpha": (cmyk_alpha, CMYK, (2,)),
    }
    for (name, (samples, photometric, extras)), bits, order, planar in product(
        shapes.items(), (4, 8, 10, 12, 14, 16), "<>", (False, True)
    ):
        scaled = samples >> (8 - bits) if bits < 8 else samples << (bits - 8)
        for stored, tile in ((1, 0), (DEFLATE, 16)):
            layout = Layout(bits, photometric, order, extras, planar, stored, tile=tile)
            words = f"{bits} bits {order} {'planar' if planar else ''} {'tiles' if tile else ''}"
            yield Sample(f"TIFF {name}, {words}", partial(write_tiff, (scaled, layout)))


def _bmp_files(picture: Image.Image) -> Iterator[Sample]:
    rgba = np.asarray(with_alpha(picture))
    for (name, (masks, bits)), header, down in product(MASKS.items(), (40, 56, 108, 124), (0, 1)):
        opaque = np.dstack([rgba[..., :3], np.full(rgba.shape[:2], 255, np.uint8)])
        for kind, pixels in (("opaque", opaque), ("alpha", rgba)):
            write = partial(bmp, pixels, header, masks, bits, down=bool(down))
            yield Sample(f"BMP {name} {kind}, header {header} {'down' * down}", write)


def main() -> None:
    """Print the table of verdicts, then what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take each n-th file only")
    every = parser.parse_args().every
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in list(corpus())[::every]:
        opinions = ask(sample)
        verdict = opinions.verdict()
        table[sample.format][verdict] += 1
        if verdict != "same":
            why = opinions.ours if isinstance(opinions.ours, str) else ""
            doubt = "DOUBTFUL, " if opinions.is_doubtful else ""
            print(f"{doubt}{verdict}: {sample.name} {why}")
    for name, verdicts in sorted(table.items()):
        counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        print(f"{name}: {verdicts.total()} files, {counts}")


if __name__ == "__main__":
    main()
