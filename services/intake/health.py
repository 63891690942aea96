"""`/health/live`, `/health/ready` and `/metrics`: how the door does, for machines."""

import math
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from services.intake.authentication import authenticated
from services.intake.door import Door
from services.store.tokens import Token

router = APIRouter()


class Live(BaseModel):
    """The process answers."""

    live: bool = True


class Ready(BaseModel):
    """Whether a post would be taken; what is accepted and not counted yet; since when nothing was counted.

    `stopped`: how many partitions are not read; `groenmeter partitions` says which, and why.
    """

    ready: bool
    lag: int | None
    freshness_seconds: float | None
    stopped: int | None


@router.get("/health/live", summary="Whether the door runs")
async def live() -> Live:
    """Always 200."""
    return Live()


@router.get(
    "/health/ready",
    summary="Whether the door takes posts, and how far the counting is",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Not ready"}},
)
async def ready(request: Request) -> Response:
    """200 when a post would be taken, else 503. What is not known now is null."""
    door: Door = request.app.state.door
    lag = await door.lag.measure()
    answer = Ready(
        ready=door.is_ready,
        lag=lag.events,
        freshness_seconds=lag.freshness_seconds,
        stopped=lag.stopped,
    )
    status = HTTPStatus.OK if answer.ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(answer.model_dump(), status)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request, _reader: Annotated[Token, Depends(authenticated)]) -> Response:
    """Any token will do."""
    door: Door = request.app.state.door
    lag = await door.lag.measure()
    door.metrics.lag.set(math.nan if lag.events is None else lag.events)
    door.metrics.freshness.set(math.nan if lag.freshness_seconds is None else lag.freshness_seconds)
    door.metrics.stopped_partitions.set(math.nan if lag.stopped is None else lag.stopped)
    door.metrics.spool_bytes.set(door.spool.bytes_used if door.spool else 0)
    door.metrics.closed_spool_bytes.set(door.spool.closed_bytes if door.spool else 0)
    return Response(generate_latest(door.metrics.registry), media_type=CONTENT_TYPE_LATEST)
