"""How the simulated platform says no."""


class RefusalError(Exception):
    """A call is refused; `reason` is for the call log and the switchable error body, never promised by the platform."""

    def __init__(self, status: int, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
