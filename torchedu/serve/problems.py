"""What a service refuses, as problem documents (RFC 9457) that name the field."""

from http import HTTPStatus
from typing import Any

from torchedu.errors import TorcheduError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is refused.

    Args:
        status: The status of HTTP.
        detail: What is wrong, and the value given.
        remedy: What is allowed, or what to do next.
        more: Further members of the document, such as ``field``, ``value`` and ``allowed``.
    """

    def __init__(self, status: int, detail: str, remedy: str = "", **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.more = more

    @classmethod
    def of(cls, error: TorcheduError, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> "Problem":
        """Return an error of torchedu as a problem."""
        known = error.to_json()
        more = {"field": known["option"], "value": known["value"], "allowed": known["allowed"]}
        more |= {"row": known["row"]} if known.get("row") is not None else {}
        return cls(status, known["problem"], known["remedy"], **more)

    def to_json(self) -> dict[str, Any]:
        """Return the document; members that say nothing are left out."""
        status = HTTPStatus(self.status)
        document = {
            "type": "about:blank", "title": status.phrase, "status": int(status),
            "detail": self.detail, "remedy": self.remedy, **self.more,
        }  # fmt: skip
        return {name: value for name, value in document.items() if value not in (None, "", [], ())}
