"""A provider: what concerns no bucket, and content by its data root."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from . import answers
from .bucket import BucketClient
from .errors import AnswerError, ApiError
from .signing import SignedHeaders, Signer
from .transport import SMALL, Transport
from .verify import (
    CHUNK_BYTES,
    PLAIN,
    MerkleProof,
    Profile,
    chunk_count,
    hash32,
    u64,
    verify_chunk,
    verify_signature,
)

CHUNKS_AT_ONCE = 4
"""Chunks in one request: 1.4 MB of base64."""

CHUNK_ANSWER = 360_000
"""A chunk in an answer: its base64, and up to 46 siblings."""

FRAME = 4_096
"""The least bytes of an answer that is not empty."""


class Provider:
    """A provider's HTTP API.

    ``provider_key`` is the provider's sr25519 key as the chain has it. With None no signature of
    it is verified. ``check_signature`` replaces the check that the extra ``sr25519`` brings: it
    takes the payload, a ``MultiSignature`` in SCALE and the key, and raises
    :class:`VerificationError`.
    """

    def __init__(
        self,
        url: str,
        *,
        provider_key: bytes | None,
        profile: Profile = PLAIN,
        signer: Signer | None = None,
        header_seconds: float = 60,
        timeout: float = 60,
        attempts: int = 4,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        check_signature: Callable[[bytes, bytes, bytes], None] = verify_signature,
    ) -> None:
        self.provider_key = None if provider_key is None else hash32(provider_key)
        self.profile = profile
        self.check_signature = check_signature
        self._transport = Transport(url, timeout, attempts, sleep)
        self._headers = SignedHeaders(signer, header_seconds, now) if signer else None

    def bucket(self, bucket_id: int) -> BucketClient:
        """Returns a bucket's client."""
        return BucketClient(self, bucket_id)

    def health(self) -> Any:
        """Returns whether the provider answers, and its version."""
        return self.ask("GET", "health")

    def info(self) -> Any:
        """Returns the provider's account, record and readiness."""
        return self.ask("GET", "info")

    def negotiate(
        self,
        owner: str,
        max_bytes: int,
        duration: int,
        price_per_byte: int,
        bucket_id: int | None = None,
        replica: dict[str, int] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Asks for terms, and returns them with the provider's signature.

        They cost a nonce, so a lost answer is not asked for again.
        """
        body = {
            "owner": owner,
            "max_bytes": u64(max_bytes),
            "duration": duration,
            "price_per_byte": str(price_per_byte),
            "bucket_id": bucket_id,
            "replica_params": replica,
        }
        answer = self.ask("POST", "negotiate", body=body, once=True)
        terms = answers.field(answer, "terms")
        if not isinstance(terms, dict):
            raise AnswerError("no signed terms")
        return terms, answers.hex_bytes(answers.field(answer, "signature"), "terms", 66)

    def read(
        self,
        data_root: bytes,
        size: int,
        offset: int = 0,
        length: int | None = None,
        *,
        bucket: int | None = None,
    ) -> Iterator[bytes]:
        """Yields the bytes of a range, each chunk verified under the data root before it is given.

        The size is that of the whole content, and must come from a proven leaf: without it, bytes
        of an inner node pass as content.
        """
        end = u64(size) if length is None else u64(offset) + u64(length)
        if not u64(offset) <= end <= size:
            raise ValueError("the range is past the end of the content")
        return self._read(hash32(data_root), size, offset, end, bucket)

    def _read(
        self, root: bytes, size: int, start: int, end: int, bucket: int | None
    ) -> Iterator[bytes]:
        # Empty content is one empty chunk, and is verified too.
        last = -(-end // CHUNK_BYTES) if end > start else start // CHUNK_BYTES
        last = max(last, 1) if size == 0 else last
        for first in range(start // CHUNK_BYTES, last, CHUNKS_AT_ONCE):
            count = min(CHUNKS_AT_ONCE, last - first)
            for index, chunk in enumerate(self._chunks(root, size, first, count, bucket), first):
                at = index * CHUNK_BYTES
                yield chunk[max(0, start - at) : max(0, end - at)]

    def download(
        self,
        data_root: bytes,
        size: int,
        offset: int = 0,
        length: int | None = None,
        *,
        bucket: int | None = None,
    ) -> bytes:
        """Returns the bytes of a range, or of all the content."""
        return b"".join(self.read(data_root, size, offset, length, bucket=bucket))

    def _chunks(
        self, root: bytes, size: int, first: int, count: int, bucket: int | None
    ) -> list[bytes]:
        if size == 0:
            # Empty content has no range: its one chunk is that of a proof.
            return [self.chunk_proof(root, size, 0, bucket=bucket)[0]]
        query = {
            "data_root": f"0x{root.hex()}",
            "offset": first * CHUNK_BYTES,
            "length": count * CHUNK_BYTES,
        }
        limit = FRAME + count * CHUNK_ANSWER
        answer = self.ask("GET", "read", query=query, limit=limit, bucket=bucket)
        given = answers.items(answers.field(answer, "chunks"), count, "chunks")
        if len(given) != count:
            raise AnswerError(f"{len(given)} chunks, not {count}")
        found = []
        for index, item in enumerate(given, first):
            chunk = answers.chunk(answers.field(item, "data"), "a chunk")
            siblings = answers.hashes(answers.field(item, "proof"), 64, "the proof of a chunk")
            path = [bool(index >> level & 1) for level in range(len(siblings))]
            proof = MerkleProof(siblings, path)
            verify_chunk(self.profile, chunk, index, proof, root, size)
            found.append(chunk)
        return found

    def chunk_proof(
        self, data_root: bytes, size: int, index: int, *, bucket: int | None = None
    ) -> tuple[bytes, MerkleProof]:
        """Returns a chunk with its proof, verified."""
        if u64(index) >= chunk_count(size):
            raise ValueError(f"the content has no chunk {index}")
        query = {"data_root": f"0x{hash32(data_root).hex()}", "chunk_index": index}
        limit = FRAME + CHUNK_ANSWER
        answer = self.ask("GET", "chunk_proof", query=query, limit=limit, bucket=bucket)
        chunk = answers.chunk(answers.field(answer, "chunk_data"), "a chunk")
        proof = answers.path(answers.field(answer, "proof"), "the proof of a chunk")
        verify_chunk(self.profile, chunk, index, proof, data_root, size)
        return chunk, proof

    def ask(
        self,
        method: str,
        route: str,
        *,
        query: dict[str, object] | None = None,
        body: object = None,
        bucket: int | None = None,
        limit: int = SMALL,
        once: bool = False,
    ) -> Any:
        """Makes a request. With ``bucket`` it has a signed header, if there is a signer."""
        headers = self._headers
        if headers is None or bucket is None:
            return self._transport.ask(method, route, query, body, None, limit, once)
        try:
            header = lambda: headers.of(method, bucket)  # noqa: E731
            return self._transport.ask(method, route, query, body, header, limit, once)
        except ApiError as error:
            if error.status == 401:
                headers.forget(method, bucket)
            raise
