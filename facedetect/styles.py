"""The styles in which pictures show faces."""

from __future__ import annotations

from typing import Literal

_Cover = Literal["blur", "pixelate", "solid"]

HidingStyle = Literal[_Cover, "image"]
"""What covers a face: its own mean colours, black, or a custom image."""

AnnotationStyle = Literal["box", _Cover]
"""How the service shows faces: in boxes, or hidden."""

DrawnStyle = Literal[AnnotationStyle, "image"]
"""How files show faces: in boxes, or in a HidingStyle."""

DisplayStyle = Literal[DrawnStyle, "none"]
"""How results show faces; "none" writes no pictures."""
