"""The errors of the program, sorted by what happens next.

ConsentSyncError
├── TemporaryError      try again later
│   ├── UnclearError    a write was sent and no clear answer came: read before repeating
│   │   └── AlsoUnclearError  it was sent in the same call as another one, of which that is told
│   ├── CredentialError the platform refuses our key: try again later, and tell the operator
│   ├── ThrottledError  the platform asks for fewer calls: it works, only not so fast
│   └── NotNowError     nothing was tried: waiting for better times costs no attempt
├── PermanentError      the same request will fail again
├── AbsentError         what was asked for is not there
├── RefusedError        what was handed to us is not acceptable; says where, found and expected
└── StoreError          the database could not do it; nothing was stored
"""


class ConsentSyncError(Exception):
    """Base of every error this program raises on purpose."""


class TemporaryError(ConsentSyncError):
    """The call may succeed later; `retry_after` is the platform's wish in seconds, if it gave one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnclearError(TemporaryError):
    """A write was sent and no clear answer came; it may have landed, or may still land."""


class AlsoUnclearError(UnclearError):
    """A write of many in one call; how the platform is doing is told by the first one's error."""


class CredentialError(TemporaryError):
    """The platform refuses our credentials or rights; a person has to act, then it works again."""


class ThrottledError(TemporaryError):
    """The platform asks for fewer calls; it has not looked at this one."""


class NotNowError(TemporaryError):
    """Nothing was sent, because what it goes to rests; `ahead` is how many were told so before."""

    def __init__(self, message: str, *, retry_after: float | None = None, ahead: int = 0) -> None:
        super().__init__(message, retry_after=retry_after)
        self.ahead = ahead


class PermanentError(ConsentSyncError):
    """The same request will fail again; `status` and a cleaned, cut `answer` say why."""

    def __init__(self, message: str, *, status: int = 0, answer: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer


class AbsentError(ConsentSyncError):
    """The person, profile or event asked for is not there, and that has been confirmed."""


class RefusedError(ConsentSyncError):
    """Input that is not acceptable: `where` it stands, what was `found`, what was `expected`."""

    def __init__(
        self, message: str, *, code: str, where: str = "", found: str = "", expected: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.where = where
        self.found = found
        self.expected = expected


class StoreError(ConsentSyncError):
    """The store could not make it durable; nothing of it was kept."""
