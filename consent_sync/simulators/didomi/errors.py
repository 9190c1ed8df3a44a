"""Refusals of the API, in the shape of the platform page "Errors"."""

from pydantic import JsonValue, ValidationError

_NAMES = {
    400: "BadRequest",
    401: "NotAuthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "GeneralError",
}


class RefusalError(Exception):
    """A call is answered with `status`, an error object and perhaps more headers."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: dict[str, JsonValue] | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors or {}
        self.headers = headers or {}

    def body(self) -> dict[str, JsonValue]:
        """Return the error object: `code`, `name`, `message`, `errors`."""
        return {
            "code": self.status,
            "name": _NAMES.get(self.status, "GeneralError"),
            "message": self.message,
            "errors": self.errors,
        }


def from_validation(error: ValidationError, where: str = "") -> RefusalError:
    """Turn a body of the wrong shape into a 400 that names every wrong field."""
    problems: dict[str, JsonValue] = {
        ".".join(filter(None, [where, *(str(part) for part in item["loc"])])) or "body": item["msg"]
        for item in error.errors(include_url=False, include_input=False)
    }
    return RefusalError(400, "Invalid data", problems)
