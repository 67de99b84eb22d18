"""Image files full of metadata."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from facedetect.images import BGRImage, ImageLimits, Metadata, SourceImage, encode_picture
from tests.unit.pictures import chunk, encode, rgb, segment

WITH_EXIF = (".png", ".jpg", ".webp", ".tif")

SUBJECT_AREA = 37396
PREVIEW = b"a preview of the face"
SECRETS = [
    PREVIEW,
    b"maker's note",
    b"of the xmp",
    b"of a comment",
    b"of the iptc",
    b"behind the end",
]
ARTIST = "José 写真".encode()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY, CMYK = (SRGB[:16] + kind + SRGB[20:] for kind in (b"GRAY", b"CMYK"))


def display_p3() -> bytes:
    """A profile with wider primaries, made of sRGB's by writing others (ICC.1, 9.2)."""
    profile = bytearray(SRGB)
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for name, xyz in primaries.items():
        entry = profile.index(name, 128)
        (place,) = struct.unpack_from(">I", profile, entry + 4)
        struct.pack_into(">3i", profile, place + 8, *(round(value * 65536) for value in xyz))
    return bytes(profile)


def exif_data(order: str = ">", orientation: int = 6) -> bytes:
    """What a camera writes, with a preview in a second directory, as JPEG holds it."""
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Make] = "Nikon"
    exif[ExifTags.Base.Artist] = ARTIST
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.XResolution] = IFDRational(300)
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05",
            ExifTags.Base.ExposureTime: IFDRational(1, 250),
            ExifTags.Base.MakerNote: b"maker's note",
            ExifTags.Base.ExifImageWidth: 4000,
            ExifTags.Base.ExifImageHeight: 3000,
            SUBJECT_AREA: (10, 20, 30),
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.5, 31.25, 7.5)})
    data = bytearray(exif.tobytes())
    (count,) = struct.unpack_from(f"{order}H", data, 6 + 8)
    struct.pack_into(f"{order}I", data, 6 + 8 + 2 + 12 * count, len(data) - 6)
    preview_at = len(data) - 6 + 2 + 2 * 12 + 4
    data += struct.pack(f"{order}HHHIIHHIII", 2, 513, 4, 1, preview_at, 514, 4, 1, len(PREVIEW), 0)
    return bytes(data + PREVIEW)


def a_source(image: BGRImage, kind: str, **more: Any) -> bytes:
    """A file full of metadata."""
    picture = rgb(image)
    extras: dict[str, Any] = {"exif": exif_data(), "icc_profile": SRGB, "dpi": (300, 300)} | more
    extras = {name: value for name, value in extras.items() if value}
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>of the xmp</x:xmpmeta>"
    match kind:
        case "JPEG":
            data = encode(picture, kind, xmp=xmp, comment=b"of a comment", **extras)
            return (
                data[:2]
                + segment(0xED, b"Photoshop 3.0\0of the iptc")
                + data[2:]
                + b"behind the end"
            )
        case "PNG":
            data = encode(picture, kind, **extras)
            texts = ("Comment\0of a comment", f"XML:com.adobe.xmp\0{xmp.decode()}")
            return data[:33] + b"".join(chunk(b"tEXt", text.encode()) for text in texts) + data[33:]
        case "TIFF":
            info = {700: xmp, 33723: b"of the iptc", 271: "Nikon"}
            extras = {"tiffinfo": info, "icc_profile": extras.get("icc_profile")}
        case "WEBP" | "AVIF" | "HEIF":
            extras = extras | {"xmp": xmp, "dpi": None}
        case _:
            extras = {"comment": b"of a comment"}
    return encode(picture, kind, **extras)


def encode_like(source: bytes, image: BGRImage, suffix: str, metadata: Metadata) -> bytes:
    """Encode an image as `annotate-folder` does for that source."""
    with SourceImage.open(source, ImageLimits()) as file:
        return encode_picture(image, suffix, file.read_encoding(), metadata)


def opened(data: bytes) -> Any:
    """As its users' programs see it."""
    return Image.open(io.BytesIO(data))
