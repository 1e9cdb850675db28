"""What can be wrong with a profile; receivers turn these into statuses at their edge."""


class PprofError(Exception):
    """The root of everything that the pprof library raises."""


class PermanentPprofError(PprofError):
    """The same bytes will fail again: the sender must not repeat them."""


class TransientPprofError(PprofError):
    """The same bytes may be taken later: the sender should repeat them."""


class UndecodableProfile(PermanentPprofError):
    """The bytes are no pprof profile."""


class InvalidProfile(PermanentPprofError):
    """The profile can be read, but contradicts itself or the format.

    Attributes:
        reason: A short stable word: one of `check.REASONS`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ProfileTooLarge(PermanentPprofError):
    """The profile exceeds a limit on bytes, samples or frames."""
