"""FFmpeg's errors in the words of core.errors, with every password taken out."""

import av

from vision.core.errors import SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.registry import Camera

_REFUSALS = (
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
    av.error.InvalidDataError,
    av.error.FileNotFoundError,
    av.error.PermissionError,
    av.error.DecoderNotFoundError,
)
_TIMEOUTS = (TimeoutError, av.error.ExitError)


def source_error(camera: Camera, doing: str, error: Exception) -> SourceError:
    """The error to raise in place of FFmpeg's `error`, met while `doing` something with the camera."""
    # FFmpeg's own text carries the URL with its password: only the bare reason is passed on.
    reason = getattr(error, "strerror", None) or (str(error) if type(error) is TimeoutError else type(error).__name__)
    text = f"{doing} {camera.safe_url}: {reason}"
    if isinstance(error, _TIMEOUTS):
        return SourceTimeoutError(text)
    if isinstance(error, _REFUSALS):
        return SourceRefusedError(text)
    return SourceError(text)
