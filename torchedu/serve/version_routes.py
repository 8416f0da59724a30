"""The routes by which versions of runs are seen, put in place, compared and dropped."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from torchedu.serve.bodies import Body, Name

Asked = Callable[..., Awaitable[Response]]
"""Puts a request to the service: the request, the verb, and its arguments by name."""
Path = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Version(Body):
    """A version of a run."""

    path: Path = Field(
        description="A run's folder, a checkpoint or an export, where the service is."
    )
    run: Name | None = Field(None, description="In whose place; the only run where left out.")
    shadow: bool = Field(False, description="Follow beside what answers, until it is promoted.")


class Which(Body):
    """One of the runs that are served."""

    run: Name | None = Field(None, description="The run; the only one where left out.")


def add_versions(app: FastAPI, asked: Asked) -> None:
    """Add the routes to an application."""

    @app.get("/versions", tags=["versions"])
    async def get_versions(request: Request) -> Response:
        """Say which version of each run answers, how far others are, and how they compare."""
        return await asked(request, "versions")

    @app.post("/versions", tags=["versions"])
    async def post_version(request: Request, version: Version) -> Response:
        """Make a version ready beside what answers; it answers then, or follows as a shadow."""
        return await asked(request, "swap", **version.model_dump())

    @app.post("/versions/promote", tags=["versions"])
    async def post_promote(request: Request, which: Which) -> Response:
        """Let the version in shadow answer from the next request on."""
        return await asked(request, "promote", run=which.run)

    @app.post("/versions/drop", tags=["versions"])
    async def post_drop(request: Request, which: Which) -> Response:
        """Give up the version that is on its way or in shadow."""
        return await asked(request, "drop", run=which.run)

    @app.get("/drift", tags=["versions"])
    async def get_drift(
        request: Request,
        run: Annotated[Name | None, Query(description="The run; all where left out.")] = None,
    ) -> Response:
        """Say how far what comes is from what networks know, and from what they foresaw."""
        return await asked(request, "drift", run=run)
