"""Colour profiles (ICC.1): check that one fits an image, and convert to sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 2**20
"""Colour profiles have about 3 kB; printer profiles are tables and have hundreds."""

# The fields of a profile's header (7.2).
_COLOURS, _SIGNATURE_AT, _SIGNATURE = slice(16, 20), slice(36, 40), b"acsp"
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}


def profile_fits(profile: bytes, mode: str) -> bool:
    """Return whether a profile's header is for Pillow's mode "L", "RGB" or "CMYK"."""
    return (
        len(profile) < MAX_PROFILE_BYTES
        and profile[_SIGNATURE_AT] == _SIGNATURE
        and profile[_COLOURS] == _SPACES[mode]
    )


def converter_to_srgb(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """Return a converter to sRGB; None if the profile does not fit or is damaged."""
    if not profile_fits(profile, mode):
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return None
    return transform.point
