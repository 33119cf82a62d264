"""Every error the product raises on purpose, and the exit code it ends a command with.

StreetwardError (1)
├── ConfigError (2)            wrong usage or configuration, as file:line: path: message
├── NotThereError (3)          a file, port, server or device that is needed is missing
│   └── ModelFileError (3)     a model file is missing, truncated, tampered with or of the wrong kind
├── SourceError (1)            a camera failed; the supervisor retries, nobody else does
│   ├── SourceTimeoutError     opened or read too long
│   └── SourceRefusedError     wrong password, unknown path, not a stream
├── DetectorError (1)          inference failed on a good model
├── StorageError (1)           database, bus or evidence store failed (disk full included)
├── BackupError (1)            an archive is cut off or altered, or would go where something is
├── IllegalTransitionError (1) an incident was asked for a step its life-cycle does not have
└── DeliveryError (1)          a push to a platform or a speaker failed
    ├── RetryLater             try again, perhaps after `after_s`
    └── Rejected               permanent, with the other side's own words
"""


class StreetwardError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(StreetwardError):
    """Wrong usage or configuration; `problems` lists every mistake, one line each."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotThereError(StreetwardError):
    exit_code = 3


class ModelFileError(NotThereError):
    pass


class SourceError(StreetwardError):
    pass


class SourceTimeoutError(SourceError, TimeoutError):
    pass


class SourceRefusedError(SourceError, PermissionError):
    pass


class DetectorError(StreetwardError):
    pass


class StorageError(StreetwardError, OSError):
    pass


class BackupError(StreetwardError):
    pass


class IllegalTransitionError(StreetwardError, ValueError):
    pass


class DeliveryError(StreetwardError):
    pass


class RetryLater(DeliveryError):  # noqa: N818 - the outcome's name, not a fault's
    def __init__(self, message: str, *, after_s: float | None = None, outcome_unknown: bool = False) -> None:
        """`outcome_unknown`: the other side may have accepted (time-out after send), so ask before sending again."""
        super().__init__(message)
        self.after_s = after_s
        self.outcome_unknown = outcome_unknown


class Rejected(DeliveryError):  # noqa: N818 - the outcome's name, not a fault's
    pass
