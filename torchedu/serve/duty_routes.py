"""Routes to what a service has done: what it said of whom, who overruled it, what it holds."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from torchedu.serve.bodies import Name, Overruled
from torchedu.serve.json_bodies import StrictRoute

Student = Annotated[Name, Query(description="The student's name.")]
Last = Annotated[int, Query(ge=1, le=10_000, description="How many at most, the latest first.")]


def routes(asked: Callable[..., Awaitable[Response]]) -> APIRouter:
    """Return the routes.

    Args:
        asked: Puts a request to the service: the request, a verb and arguments.
    """
    router = APIRouter(route_class=StrictRoute)

    @router.get("/decisions", tags=["students"])
    async def get_decisions(request: Request, student: Student, last: Last = 100) -> Response:
        """Return what was said of a student, by which network and rule, and what overruled it."""
        return await asked(request, "decisions", student=student, last=last)

    @router.post("/decisions/overrule", tags=["students"])
    async def post_overrule(request: Request, overruled: Overruled) -> Response:
        """Overrule a decision, with a reason; both stay side by side."""
        return await asked(request, "overrule", **overruled.model_dump())

    @router.get("/export", tags=["service"])
    async def get_export(request: Request, student: Student) -> Response:
        """Return all that is held of a student."""
        return await asked(request, "export", student=student)

    @router.get("/acts", tags=["service"])
    async def get_acts(request: Request, last: Last = 100) -> Response:
        """Return what those who rule did: keys made, students exported and forgotten."""
        return await asked(request, "acts", last=last)

    return router
