"""The errors the HTTP side answers with: one stable code each, as `application/problem+json`."""

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import hdrs, web
from multidict import istr

from consent_sync.domain.errors import RefusedError

RETRY_AFTER_SECONDS: Final = 5

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad-parameter": (400, "A part of the address cannot be used"),
    "bad-token-request": (400, "The token request is not understood"),
    "body-incomplete": (400, "The body ended too early"),
    "bad-compression": (400, "The body cannot be decompressed"),
    "unsupported-grant-type": (400, "Only client credentials are supported"),
    "bad-secret": (401, "The secret or token is missing or wrong"),
    "bad-client": (401, "The client credentials are missing or wrong"),
    "bad-api-token": (401, "The API token is missing or wrong"),
    "local-only": (403, "Without API tokens only this machine is answered"),
    "role-too-low": (403, "The API token's role does not allow this"),
    "not-found": (404, "There is nothing at this address"),
    "unknown-mapping": (404, "No mapping in force has this name"),
    "unknown-event": (404, "There is no event of this number that can be taken"),
    "oauth-not-configured": (404, "Tokens are not issued here"),
    "qualifio-not-available": (404, "This version has no Qualifio webhook"),
    "method-not-allowed": (405, "This address does not answer this method"),
    "body-timeout": (408, "The body did not arrive in time"),
    "body-too-large": (413, "The body is too large"),
    "not-json-type": (415, "The content type is not JSON"),
    "bad-encoding": (415, "The content encoding is not supported"),
    "bad-request": (400, "The request is not acceptable"),
    "side-not-configured": (503, "This webhook has no secret, so nothing can be trusted"),
    "no-webhooks-here": (503, "This process takes no webhooks"),
    "store-unavailable": (503, "It cannot be stored now"),
    "unexpected": (503, "Something unforeseen happened"),
}
"""Status and title of each code that is not the refusal of a body's content."""


class Problem(Exception):  # noqa: N818 - named after the media type it becomes
    """An answer other than success; `detail` holds no secret and no personal data."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[istr, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status, self.title = CODES.get(code, (400, "The content is not acceptable"))
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        if self.status == 503:
            self.headers.setdefault(hdrs.RETRY_AFTER, str(RETRY_AFTER_SECONDS))

    @classmethod
    def of(cls, refused: RefusedError) -> "Problem":
        """Return the problem for input that is not acceptable, saying where, found and expected."""
        said = {"where": refused.where, "found": refused.found, "expected": refused.expected}
        extra = {name: text for name, text in said.items() if text}
        return cls(refused.code, str(refused), extra=extra)

    def response(self) -> web.Response:
        """Return the answer."""
        document = {
            "type": f"urn:consent-sync:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(document),
            headers=self.headers,
            content_type="application/problem+json",
        )
