"""The two structures that are exchanged in SCALE: the signed payload, and a challenge's response."""

from __future__ import annotations

from .errors import VerificationError
from .verify import (
    CHUNK_BYTES,
    MAX_LEAF_COUNT,
    MAX_PATH,
    Commitment,
    Leaf,
    MerkleProof,
    MmrProof,
    hash32,
    u64,
)


def commitment_payload(bucket: int, commitment: Commitment) -> bytes:
    """Returns the bytes that a provider signs for a commitment: of version 2 with a nonce."""
    if u64(commitment.leaf_count) > MAX_LEAF_COUNT:
        raise VerificationError("malformed", "a leaf count above 2^62")
    numbers = [commitment.start_seq, commitment.leaf_count]
    if commitment.nonce is not None:
        numbers.append(commitment.nonce)
    version = 1 if commitment.nonce is None else 2
    return b"".join(
        [
            bytes([version]),
            u64(bucket).to_bytes(8, "little"),
            hash32(commitment.mmr_root),
            *(u64(number).to_bytes(8, "little") for number in numbers),
        ]
    )


class _Reader:
    """Reads bytes from the front, and never past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise VerificationError("malformed", "it ends early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, length: int = 8) -> int:
        return int.from_bytes(self.take(length), "little")

    def compact(self, most: int) -> int:
        first = self.number(1)
        mode = first & 3
        if mode == 3:
            # Longer than any list here, or not written in the shortest way.
            raise VerificationError("malformed", "a length that is too long")
        rest = self.number((1 << mode) - 1)
        value = (rest << 8 | first) >> 2
        # The shortest way is the only one that the chain decodes.
        if mode and value < (0, 1 << 6, 1 << 14)[mode]:
            raise VerificationError("malformed", "a length that is not written in the shortest way")
        if value > most:
            raise VerificationError("malformed", f"a length of {value} is above {most}")
        return value

    def hashes(self) -> list[bytes]:
        return [self.take(32) for _ in range(self.compact(MAX_PATH))]

    def bits(self) -> list[bool]:
        bits = self.take(self.compact(MAX_PATH))
        if any(bit > 1 for bit in bits):
            raise VerificationError("malformed", "a path with a byte that is no bit")
        return [bit == 1 for bit in bits]

    def path(self) -> MerkleProof:
        siblings = self.hashes()
        return MerkleProof(siblings, self.bits())

    def end(self) -> None:
        if self._at != len(self._data):
            raise VerificationError("malformed", "bytes follow its end")


def decode_response(data: bytes) -> tuple[bytes, MmrProof, MerkleProof]:
    """Returns the chunk and the proofs of a ``ChallengeResponse`` that has them."""
    reader = _Reader(data)
    if reader.number(1) != 0:
        raise VerificationError("malformed", "a response without a proof")
    chunk = reader.take(reader.compact(CHUNK_BYTES))
    peaks = reader.hashes()
    leaf = Leaf(reader.take(32), reader.number(), reader.number())
    proof = MmrProof(peaks, leaf, reader.path())
    chunk_proof = reader.path()
    reader.end()
    return chunk, proof, chunk_proof
