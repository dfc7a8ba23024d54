"""What an API server's failure means to somebody who wants an object made."""

from kronstream.cluster.api import ApiError

UNAVAILABLE = (408, 429)
FAULTY = (400, 413, 422)


def away(error: Exception) -> bool:
    """Whether the same request may succeed a little later: the API server is away or has too much to do."""
    if isinstance(error, ApiError):
        return error.status >= 500 or error.status in UNAVAILABLE
    return isinstance(error, OSError | TimeoutError)


def faulty(error: ApiError) -> bool:
    """Whether the object itself is refused, so that it would be again."""
    return error.status in FAULTY


def beyond_quota(error: ApiError) -> bool:
    """Whether a quota of the namespace is used up."""
    return error.status == 403 and "exceeded quota" in str(error)


def lacks_right(error: ApiError) -> bool:
    """Whether it is RBAC that forbids it, not a quota or an admission policy."""
    # what admission forbids begins alike but names no user
    return error.status in (401, 403) and ("User " in str(error) or error.status == 401)
