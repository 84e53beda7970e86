"""The errors of this package, by what a caller can do about them."""


class CairnError(Exception):
    """Any error of this package."""


class VerificationError(CairnError):
    """A proof or a signature that does not hold. ``code`` names the rule that it breaks."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ApiError(CairnError):
    """An error that the provider answered with."""

    def __init__(self, status: int, code: str, details: object = None) -> None:
        super().__init__(f"the provider answers {status} {code}")
        self.status = status
        self.code = code
        self.details = details
        self.pause: float | None = None
        """The seconds after which it may be asked again, if the provider says so."""


class AnswerError(CairnError):
    """An answer that has not the form of the API's."""


class SignerError(CairnError):
    """A signer that does not sign as the provider verifies."""


class SignatureSupportMissing(CairnError):
    """The extra ``sr25519`` is not installed."""
