"""What the endpoints share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from facedetect.errors import InvalidParams
from facedetect.service.detection_worker import DetectionResult, RenderOptions
from facedetect.service.queries import FaceQuery
from facedetect.service.request_context import current_request
from facedetect.service.services import Services
from facedetect.service.uploads import watch_disconnect

Query = TypeVar("Query", bound=FaceQuery)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]


async def check_room(services: TheServices) -> None:
    """Raise Overloaded, before the body is read, if there is no room for another image."""
    services.worker.admission.check_room(current_request().caller_id)


async def check_query(request: Request) -> None:
    """Raise InvalidParams if a parameter is given twice: taking the last would drop the others."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            raise InvalidParams(
                f"{name[:40]} is given {count} times; give it once, a list with commas: "
                "rotations=0,180"
            )


async def detect_upload(
    request: Request,
    query: Query,
    services: Services,
    render_options: Callable[[Query], RenderOptions | None],
) -> DetectionResult:
    """Read the image of a request and find its faces.

    `render_options` gets the query with the parameters of the body, if that is JSON. Raises like
    `Upload.read_image`, `FaceQuery.with_body` and `DetectionWorker.run`.
    """
    with services.uploads.open(request) as upload:
        data, params = await upload.read_image()
        query = query.with_body(params)
        job = query.to_job(data, render_options(query))
        async with watch_disconnect(request) as disconnected:
            return await services.worker.run(job, disconnected)
