"""The ASGI application: the door and the reading calls in one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from services.intake import api, health, openapi, problem_details, replays
from services.intake.door import Door, OnCrash
from services.intake.transport import Transport
from services.query.api import router as query
from services.settings import Settings


def create_app(settings: Settings, on_crash: OnCrash = lambda: None) -> FastAPI:
    """The application of these settings; it opens nothing before it is started.

    `on_crash` is called when a part of it ended that never should: the process is to end then.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.door = door = Door(settings)
        async with door.running(on_crash):
            yield

    app: FastAPI = FastAPIOffline(
        title="Groenmeter",
        summary="Exact, explainable sustainability metrics for hospital Green Teams",
        version=version("groenmeter"),
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    problem_details.install(app)
    openapi.install(app)
    app.add_middleware(Transport)
    app.include_router(api.router)
    app.include_router(replays.router)
    app.include_router(query)
    app.include_router(health.router)
    return app
