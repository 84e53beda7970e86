"""A bucket at a provider: uploads, signed commitments, proven leaves."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import answers
from .content import Content, Node, Reader, TreeBuilder
from .errors import AnswerError, VerificationError
from .scale import commitment_payload
from .verify import Commitment, Leaf, MmrProof, hash32, u64, verify_leaf

if TYPE_CHECKING:
    from .provider import Provider

BATCH = 16
"""Chunks in memory at once: 4 MiB."""

PROOF_ATTEMPTS = 5
"""How often a proof is asked for again while others commit."""

MAX_LIST = 8_192
"""The provider's limit of a list."""


@dataclass(frozen=True)
class SignedCommitment:
    """A commitment with the provider's signature, a ``MultiSignature`` in SCALE."""

    commitment: Commitment
    signature: bytes
    payload: bytes
    is_verified: bool
    """False only without a ``provider_key``."""


@dataclass(frozen=True)
class ProvenLeaf:
    """A leaf that is proven under a signed commitment."""

    leaf: Leaf
    sequence: int
    proof: MmrProof
    signed: SignedCommitment


@dataclass(frozen=True)
class Part:
    """A leaf of an upload. Its sequence is its number in the bucket, which a prune keeps."""

    data_root: bytes
    size: int
    sequence: int


@dataclass(frozen=True)
class Uploaded:
    """The parts of an upload in order, proven under the newest commitment."""

    parts: list[Part]
    signed: SignedCommitment


class BucketClient:
    """A bucket at a provider; :meth:`Provider.bucket` makes it."""

    def __init__(self, provider: Provider, bucket_id: int) -> None:
        self._provider = provider
        self.id = u64(bucket_id)

    def _get(self, route: str, **query: object) -> Any:
        query = {"bucket_id": self.id, **query}
        return self._provider.ask("GET", route, query=query, bucket=self.id)

    def _send(self, method: str, route: str, once: bool = False, **body: object) -> Any:
        body = {"bucket_id": self.id, **body}
        return self._provider.ask(method, route, body=body, bucket=self.id, once=once)

    def missing(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Returns which of the hashes the bucket does not hold."""
        asked = [hash32(value) for value in hashes]
        missing: set[bytes] = set()
        for at in range(0, len(asked), MAX_LIST):
            part = [f"0x{value.hex()}" for value in asked[at : at + MAX_LIST]]
            answer = self._send("POST", "exists", hashes=part)
            given = answers.hashes(answers.field(answer, "missing"), len(part), "missing hashes")
            missing.update(given)
        return [value for value in asked if value in missing]

    def put_chunk(self, chunk: bytes) -> bytes:
        """Stores a chunk, and returns its hash."""
        hashed = self._provider.profile.chunk(chunk)
        self._put(hashed, chunk, None)
        return hashed

    def put_node(self, node: Node) -> None:
        """Stores an inner node. Its children must be stored."""
        hashed, left, right = (hash32(value) for value in node)
        self._put(hashed, left + right, [f"0x{left.hex()}", f"0x{right.hex()}"])

    def _put(self, hashed: bytes, data: bytes, children: list[str] | None) -> None:
        text = base64.b64encode(data).decode()
        self._send("PUT", "node", hash=f"0x{hashed.hex()}", data=text, children=children)

    def upload(self, content: Content, *, padding: bool = False) -> Uploaded:
        """Uploads content and commits it, split into leaves without padding.

        Returns when each part is proven under a signed commitment. What the bucket holds already
        is not sent again. With ``padding`` the content is one leaf, which providers refuse unless
        its chunks are a power of two.
        """
        reader = Reader(content)
        stored = [
            (self._store(reader, start, size), size) for start, size in reader.parts(padding)
        ]
        signed, indices = self.commit([root for root, _ in stored])
        parts = []
        for (root, size), index in zip(stored, indices, strict=True):
            sequence = signed.commitment.start_seq + index
            # Others may have committed since, and may have pruned.
            found = self.leaf(sequence)
            if (found.leaf.data_root, found.leaf.data_size) != (root, size):
                message = "the provider committed other content than was uploaded"
                raise VerificationError("anotherLeaf", message)
            parts.append(Part(root, size, sequence))
            newest = found.signed
        return Uploaded(parts, newest)

    def _store(self, reader: Reader, start: int, size: int) -> bytes:
        tree = TreeBuilder(self._provider.profile)
        batch: list[tuple[bytes, list[Node]]] = []
        for chunk in reader.chunks(start, size):
            batch.append((chunk, tree.push(chunk)))
            if len(batch) == BATCH:
                self._flush(batch)
                batch = []
        self._flush(batch)
        root, nodes = tree.finish()
        for node in nodes:
            self.put_node(node)
        return root

    def _flush(self, batch: list[tuple[bytes, list[Node]]]) -> None:
        # Nodes go after the chunks below them, bottom up.
        hashes = [self._provider.profile.chunk(chunk) for chunk, _ in batch]
        missing = set(self.missing(hashes))
        for (chunk, _), hashed in zip(batch, hashes, strict=True):
            if hashed in missing:
                self._put(hashed, chunk, None)
        for _, nodes in batch:
            for node in nodes:
                self.put_node(node)

    def commit(self, data_roots: Iterable[bytes]) -> tuple[SignedCommitment, list[int]]:
        """Commits data roots whose content is stored.

        Returns the signed commitment and the leaves' indices. Twice would be two leaves, so a lost
        answer is not asked for again.
        """
        roots = [f"0x{hash32(root).hex()}" for root in data_roots]
        answer = self._send("POST", "commit", once=True, data_roots=roots)
        signed = self._signed(answer)
        given = answers.items(answers.field(answer, "leaf_indices"), len(roots), "leaf indices")
        indices = [answers.number(index, "a leaf index") for index in given]
        count = signed.commitment.leaf_count
        if len(indices) != len(roots) or any(index >= count for index in indices):
            raise AnswerError("the leaf indices are not those of the data roots")
        return signed, indices

    def commitment(self) -> SignedCommitment:
        """Returns the newest signed commitment, its signature verified."""
        return self._signed(self._get("commitment"))

    def checkpoint_signature(self) -> SignedCommitment:
        """Returns the signature for a checkpoint, verified."""
        return self._signed(self._get("checkpoint-signature"))

    def _signed(self, answer: Any) -> SignedCommitment:
        bucket = answers.field(answer, "bucket_id")
        if bucket is not None and answers.number(bucket, "a bucket") != self.id:
            raise AnswerError("the commitment is of another bucket")
        commitment, signature = answers.commitment(answer)
        payload = commitment_payload(self.id, commitment)
        key = self._provider.provider_key
        if key is not None:
            self._provider.check_signature(payload, signature, key)
        return SignedCommitment(commitment, signature, payload, key is not None)

    def leaf(self, sequence: int) -> ProvenLeaf:
        """Returns a leaf by its sequence, proven under a signed commitment."""
        for attempt in range(PROOF_ATTEMPTS):
            signed = self.commitment()
            commitment = signed.commitment
            index = u64(sequence) - commitment.start_seq
            if not 0 <= index < commitment.leaf_count:
                raise LookupError(f"the bucket has no leaf {sequence}")
            proof = answers.leaf_proof(self._get("mmr_proof", leaf_index=index))
            try:
                profile, root = self._provider.profile, commitment.mmr_root
                verify_leaf(profile, proof, index, commitment.leaf_count, root)
                return ProvenLeaf(proof.leaf, sequence, proof, signed)
            except VerificationError:
                # The proof is for the newest state, which may be newer than the commitment.
                if attempt + 1 == PROOF_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def read(self, sequences: Iterable[int]) -> Iterator[bytes]:
        """Yields the content of leaves in order, chunk by chunk, verified."""
        for sequence in sequences:
            leaf = self.leaf(sequence).leaf
            yield from self._provider.read(leaf.data_root, leaf.data_size, bucket=self.id)

    def download(self, sequences: Iterable[int]) -> bytes:
        """Returns the content of leaves in order, each proven and each chunk verified."""
        return b"".join(self.read(sequences))
