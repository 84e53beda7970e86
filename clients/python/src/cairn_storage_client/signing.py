"""The signed header, ``Web3Storage <key>:<signature>:<seconds>``, and the check of signatures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from .errors import SignatureSupportMissing, SignerError
from .verify import hash32, u64


class Signer(Protocol):
    """Signs requests of a bucket's member."""

    @property
    def public_key(self) -> bytes:
        """The sr25519 key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Returns an sr25519 signature of the message, or of it in ``<Bytes>…</Bytes>``."""


class KeypairSigner:
    """Signs with a function. With ``wrap`` the message is put in ``<Bytes>…</Bytes>``."""

    def __init__(
        self, public_key: bytes, sign: Callable[[bytes], bytes], wrap: bool = False
    ) -> None:
        self.public_key = hash32(public_key)
        self._sign = sign
        self._wrap = wrap

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message."""
        return self._sign(wrapped(message) if self._wrap else message)


def wrapped(message: bytes) -> bytes:
    """Returns a message as wallets sign it."""
    return b"<Bytes>" + message + b"</Bytes>"


def verify_sr25519(message: bytes, signature: bytes, key: bytes) -> bool:
    """Returns whether a signature of 64 bytes is a key's over a message."""
    try:
        import sr25519
    except ImportError as error:
        hint = "signatures are verified by cairn-storage-client[sr25519]"
        raise SignatureSupportMissing(hint) from error
    if len(signature) != 64 or len(key) != 32:
        return False
    try:
        return bool(sr25519.verify(bytes(signature), bytes(message), bytes(key)))
    except ValueError:
        # As of a key that is no point.
        return False


class SignedHeaders:
    """Makes headers, and keeps each for ``seconds``.

    A provider takes a header for 300 seconds around its time, for any request of its method to
    its bucket: it is sent to nobody else.
    """

    def __init__(
        self, signer: Signer, seconds: float = 60, now: Callable[[], float] = time.time
    ) -> None:
        if not 0 <= seconds <= 240:
            raise ValueError("a header is kept for 0 to 240 seconds")
        self._signer = signer
        self._seconds = seconds
        self._now = now
        self._kept: dict[tuple[str, int], tuple[int, str]] = {}

    def of(self, method: str, bucket: int) -> str:
        """Returns the header for requests of a method to a bucket."""
        at = int(self._now())
        kept = self._kept.get((method, bucket))
        if kept and abs(at - kept[0]) < self._seconds:
            return kept[1]
        message = f"web3storage:{method}:{u64(bucket)}:{at}".encode()
        signature = self._signer.sign(message)
        # Some signers give a `MultiSignature`: the scheme's index, and then the signature.
        if len(signature) == 65 and signature[0] == 1:
            signature = signature[1:]
        if len(signature) != 64:
            raise SignerError(f"the signer gave {len(signature)} bytes, not 64")
        header = f"Web3Storage 0x{self._signer.public_key.hex()}:0x{signature.hex()}:{at}"
        self._kept[method, bucket] = (at, header)
        return header

    def forget(self, method: str, bucket: int) -> None:
        """Forgets a header that the provider refused."""
        self._kept.pop((method, bucket), None)
