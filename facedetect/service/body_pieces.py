"""Writes large responses in pieces."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PIECE_BYTES = 256 * 2**10


class BodyPieces:
    """ASGI middleware that sends bodies in pieces, each after the client has read the previous one.

    asyncio and uvicorn copy a write several times in the event loop: all other requests would wait
    while they copy a response of 100 MB.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request."""

        async def send_in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            start = 0
            while len(body) - start > _PIECE_BYTES:
                piece = body[start : start + _PIECE_BYTES]
                await send({**message, "body": piece, "more_body": True})
                start += _PIECE_BYTES
            await send({**message, "body": body[start:]} if start else message)

        await self._app(scope, receive, send_in_pieces)
