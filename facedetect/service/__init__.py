"""The HTTP service."""

from facedetect.service.app import create_app

__all__ = ["create_app"]
