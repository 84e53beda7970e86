"""The strict verifiers: they accept only the one proof that an honest provider gives.

They are those of ``cairn-primitives``, rule by rule and with the same codes; both are tested with
the same vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import VerificationError

CHUNK_BYTES = 262_144
"""The length of all chunks but the last."""

MAX_LEAF_COUNT = 1 << 62
MAX_PATH = 64
U64 = 1 << 64


@dataclass(frozen=True)
class Profile:
    """The way hashes are made. A bucket has one for its whole life."""

    name: str
    is_tagged: bool

    def _digest(self, tag: bytes, *parts: bytes) -> bytes:
        state = hashlib.blake2b(tag if self.is_tagged else b"", digest_size=32)
        for part in parts:
            state.update(part)
        return state.digest()

    def chunk(self, content: bytes) -> bytes:
        """Returns the hash of a chunk."""
        return self._digest(b"\x00", content)

    def leaf(self, leaf: Leaf) -> bytes:
        """Returns the hash of an MMR's leaf."""
        return self._digest(b"\x00", leaf.encode())

    def node(self, left: bytes, right: bytes) -> bytes:
        """Returns the hash of an inner node."""
        return self._digest(b"\x01", left, right)

    def bag(self, peak: bytes, rest: bytes) -> bytes:
        """Returns the hash of a peak with those to its right."""
        return self._digest(b"\x02", peak, rest)


PLAIN = Profile("plain", False)
TAGGED = Profile("tagged", True)


def u64(value: int) -> int:
    """Returns a number, which must be below 2^64."""
    # A bool is an int, and no number.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < U64:
        raise ValueError("expected a whole number below 2^64")
    return value


def hash32(value: bytes) -> bytes:
    """Returns a hash or a key, which must have 32 bytes."""
    if not isinstance(value, (bytes, bytearray)) or len(value) != 32:
        raise ValueError("expected 32 bytes")
    return bytes(value)


@dataclass(frozen=True)
class Leaf:
    """A leaf of a bucket's MMR: content by its data root."""

    data_root: bytes
    data_size: int
    total_size: int

    def encode(self) -> bytes:
        """Returns the leaf in SCALE."""
        sizes = (u64(size).to_bytes(8, "little") for size in (self.data_size, self.total_size))
        return hash32(self.data_root) + b"".join(sizes)


@dataclass(frozen=True)
class MerkleProof:
    """A path from a leaf of a binary tree to its root."""

    siblings: Sequence[bytes]
    path: Sequence[bool]


@dataclass(frozen=True)
class MmrProof:
    """A leaf's proof within an MMR."""

    peaks: Sequence[bytes]
    leaf: Leaf
    leaf_proof: MerkleProof


@dataclass(frozen=True)
class Commitment:
    """A state of a bucket. ``nonce`` is only in payloads of chains that have one."""

    mmr_root: bytes
    start_seq: int
    leaf_count: int
    nonce: int | None = None


def chunk_count(size: int) -> int:
    """Returns the number of chunks of content of a size: at least one."""
    return max(1, -(-u64(size) // CHUNK_BYTES))


def depth(size: int) -> int:
    """Returns the number of levels above the chunks of content of a size."""
    return (chunk_count(size) - 1).bit_length()


def chunk_length(index: int, size: int) -> int:
    """Returns the length of a chunk of content of a size."""
    chunks = chunk_count(size)
    if u64(index) < chunks - 1:
        return CHUNK_BYTES
    if index == chunks - 1:
        return size - index * CHUNK_BYTES
    if index < 1 << depth(size):
        raise VerificationError("paddingSlot", f"slot {index} pads the tree after {chunks} chunks")
    raise VerificationError("aliasedChunk", f"chunk {index} is past the tree over {chunks} chunks")


def _check_path(proof: MerkleProof, index: int, height: int, what: str) -> None:
    if len(proof.siblings) != height or len(proof.path) != height:
        found = f"{len(proof.path)} bits and {len(proof.siblings)} siblings"
        raise VerificationError(f"{what}PathLength", f"a path of {found} instead of {height}")
    for level, bit in enumerate(proof.path):
        if bit is not bool(index >> level & 1):
            message = f"the path turns to another {what} at level {level}"
            raise VerificationError(f"{what}PathBit", message)


def _walk(profile: Profile, node: bytes, proof: MerkleProof) -> bytes:
    for sibling, is_right in zip(proof.siblings, proof.path, strict=True):
        sibling = hash32(sibling)
        node = profile.node(sibling, node) if is_right else profile.node(node, sibling)
    return node


def _mountain(index: int, count: int) -> tuple[int, int]:
    """Returns the place and the height of the mountain that a leaf is in."""
    place, first = 0, 0
    for height in range(count.bit_length() - 1, -1, -1):
        if count >> height & 1:
            if index < first + (1 << height):
                return place, height
            first += 1 << height
            place += 1
    raise VerificationError("noSuchLeaf", f"leaf {index} is not within {count} leaves")


def bag(profile: Profile, peaks: Sequence[bytes]) -> bytes:
    """Returns the root over peaks: 32 zero bytes without any."""
    if not peaks:
        return bytes(32)
    root = hash32(peaks[-1])
    for peak in reversed(peaks[:-1]):
        root = profile.bag(hash32(peak), root)
    return root


def verify_leaf(profile: Profile, proof: MmrProof, index: int, count: int, root: bytes) -> None:
    """Verifies a leaf at its index under the root of a tree of ``count`` leaves."""
    if u64(count) > MAX_LEAF_COUNT:
        raise VerificationError("malformed", "a leaf count above 2^62")
    place, height = _mountain(u64(index), count)
    expected = count.bit_count()
    if len(proof.peaks) != expected:
        message = f"{len(proof.peaks)} peaks, but the leaf count needs {expected}"
        raise VerificationError("peakCount", message)
    _check_path(proof.leaf_proof, index, height, "leaf")
    if _walk(profile, profile.leaf(proof.leaf), proof.leaf_proof) != hash32(proof.peaks[place]):
        raise VerificationError("notUnderItsPeak", f"the leaf does not lead to peak {place}")
    if bag(profile, proof.peaks) != hash32(root):
        raise VerificationError("root", "the bagged peaks do not match the root")


def verify_chunk(
    profile: Profile, chunk: bytes, index: int, proof: MerkleProof, data_root: bytes, size: int
) -> None:
    """Verifies a chunk at its index under a data root, by the size of the whole content.

    The size must be that of a proven leaf: under ``PLAIN`` the bytes of an inner node have its
    hash, and only the size tells them from content.
    """
    expected = chunk_length(index, size)
    if len(chunk) != expected:
        message = f"a chunk of {len(chunk)} bytes, but the size needs {expected}"
        raise VerificationError("chunkLength", message)
    _check_path(proof, index, depth(size), "chunk")
    if _walk(profile, profile.chunk(chunk), proof) != hash32(data_root):
        raise VerificationError("dataRoot", "the chunk does not lead to the data root")


def verify_signature(payload: bytes, signature: bytes, key: bytes) -> None:
    """Verifies a ``MultiSignature`` in SCALE, of sr25519, over a payload."""
    from .signing import verify_sr25519

    if len(signature) not in (65, 66):
        raise VerificationError("malformed", f"a signature of {len(signature)} bytes")
    if signature[0] != 1:
        raise VerificationError("signatureScheme", "only sr25519 signatures are verified")
    if len(signature) != 65:
        raise VerificationError("malformed", f"a signature of {len(signature)} bytes")
    if not verify_sr25519(payload, signature[1:], hash32(key)):
        raise VerificationError("signature", "the signature is invalid")


def verify_response(
    profile: Profile, response: bytes, leaf_index: int, chunk_index: int, commitment: Commitment
) -> None:
    """Verifies a ``ChallengeResponse`` in SCALE by the strict rule, which implies the chain's.

    The chain reads a chunk index past the tree as the slot that its low bits name.
    """
    from .scale import decode_response

    chunk, mmr_proof, chunk_proof = decode_response(response)
    verify_leaf(profile, mmr_proof, leaf_index, commitment.leaf_count, commitment.mmr_root)
    leaf = mmr_proof.leaf
    slot = u64(chunk_index) & ((1 << depth(leaf.data_size)) - 1)
    verify_chunk(profile, chunk, slot, chunk_proof, leaf.data_root, leaf.data_size)


def verify_answer(
    profile: Profile,
    commitment: Commitment,
    signature: bytes,
    provider_key: bytes,
    bucket: int,
    leaf_index: int,
    mmr_proof: MmrProof,
    chunk_index: int,
    chunk: bytes,
    chunk_proof: MerkleProof,
) -> None:
    """Verifies a whole answer: the signature, the leaf and the chunk."""
    from .scale import commitment_payload

    verify_signature(commitment_payload(bucket, commitment), signature, provider_key)
    verify_leaf(profile, mmr_proof, leaf_index, commitment.leaf_count, commitment.mmr_root)
    leaf = mmr_proof.leaf
    verify_chunk(profile, chunk, chunk_index, chunk_proof, leaf.data_root, leaf.data_size)
