"""Requests: bounded in time and in what is read of an answer, repeated where that is safe."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from .errors import AnswerError, ApiError

SMALL = 1 << 20
"""What an answer without content may have, in bytes: ``/exists`` of 8,192 hashes has 590 KB."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
PIECE = 1 << 16


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A signed header is good for any request to its bucket: it goes to no other host."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


class Transport:
    """Makes the requests to one provider."""

    def __init__(
        self,
        url: str,
        timeout: float = 60,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parsed = urllib.parse.urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.netloc:
            raise ValueError("the URL is neither http nor https")
        if attempts < 1:
            raise ValueError("at least one attempt")
        # A provider may be below a path of a proxy.
        self._base = url.rstrip("/")
        self._timeout = timeout
        self._attempts = attempts
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirects)

    def ask(
        self,
        method: str,
        route: str,
        query: dict[str, object] | None = None,
        body: object = None,
        header: Callable[[], str] | None = None,
        limit: int = SMALL,
        once: bool = False,
    ) -> Any:
        """Makes a request and returns the parsed answer.

        ``once`` is for what must not be done twice: it is repeated only if the provider says that
        it did nothing.
        """
        url = f"{self._base}/{route}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        text = None if body is None else json.dumps(body).encode()
        attempt = 1
        while True:
            try:
                return self._attempt(method, url, text, header() if header else None, limit)
            except ApiError as error:
                # `too_late` may have been done all the same; the other 503 were not.
                is_done = error.status != 503 or error.code == "too_late"
                pause = error.pause
                if is_done or attempt == self._attempts:
                    raise
            except (OSError, http.client.HTTPException):
                pause = None
                if once or attempt == self._attempts:
                    raise
            self._sleep(pause if pause is not None else self._pause(attempt))
            attempt += 1

    @staticmethod
    def _pause(attempt: int) -> float:
        return float(min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))

    def _attempt(
        self, method: str, url: str, body: bytes | None, authorization: str | None, limit: int
    ) -> Any:
        request = urllib.request.Request(url, data=body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if authorization is not None:
            request.add_unredirected_header("Authorization", authorization)
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _parsed(_read(response, limit, deadline))
        except urllib.error.HTTPError as error:
            with error:
                raise _api_error(error, _read(error, SMALL, deadline)) from None


def _read(response: Any, limit: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    length = 0
    # `read1` returns what has come, so that the deadline holds for bytes that drip.
    while part := response.read1(PIECE):
        length += len(part)
        if length > limit:
            raise AnswerError(f"the answer has more than {limit} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
        parts.append(part)
    # `read1` takes an answer that breaks off for one that ends.
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    # Too deep, too many digits, no UTF-8, or no JSON.
    except (ValueError, RecursionError):
        raise AnswerError("the answer is no JSON") from None


def _api_error(response: urllib.error.HTTPError, text: bytes) -> ApiError:
    code, details = "unknown", None
    try:
        body = json.loads(text)
        if isinstance(body, dict) and isinstance(body.get("error"), str):
            code, details = body["error"], body.get("details")
    except (ValueError, RecursionError):
        # Bodies of other forms, as of a query that does not parse, have no code.
        details = text[:500].decode(errors="replace")
    error = ApiError(response.code, code, details)
    retry_after = response.headers.get("Retry-After", "")
    if retry_after.isdigit():
        error.pause = min(float(retry_after), LONGEST_PAUSE)
    return error
