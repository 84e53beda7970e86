"""The forms of answers, checked: a provider may answer with anything."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .errors import AnswerError
from .verify import CHUNK_BYTES, MAX_PATH, U64, Commitment, Leaf, MerkleProof, MmrProof

MAX_SIGNATURE = 66
"""A signature of any scheme, with its index."""


def field(value: Any, name: str) -> Any:
    """Returns a field of an object; None if it is missing."""
    if not isinstance(value, dict):
        raise AnswerError(f"{name}: expected an object")
    return value.get(name)


def number(value: Any, what: str) -> int:
    """Returns a number below 2^64."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < U64:
        raise AnswerError(f"{what}: expected a number below 2^64")
    return value


def hex_bytes(value: Any, what: str, most: int) -> bytes:
    """Returns bytes from hex, with or without ``0x``."""
    text = value.removeprefix("0x") if isinstance(value, str) else ""
    # `fromhex` takes spaces too.
    if not isinstance(value, str) or len(text) > 2 * most or not text.isalnum() and text:
        raise AnswerError(f"{what}: expected up to {most} bytes in hex")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise AnswerError(f"{what}: expected bytes in hex") from None


def hash32(value: Any, what: str) -> bytes:
    """Returns a hash."""
    found = hex_bytes(value, what, 32)
    if len(found) != 32:
        raise AnswerError(f"{what}: a hash of {len(found)} bytes")
    return found


def items(value: Any, most: int, what: str) -> list[Any]:
    """Returns a list of at most ``most``."""
    if not isinstance(value, list) or len(value) > most:
        raise AnswerError(f"{what}: expected a list of up to {most}")
    return value


def hashes(value: Any, most: int, what: str) -> list[bytes]:
    """Returns a list of hashes."""
    return [hash32(item, what) for item in items(value, most, what)]


def path(value: Any, what: str) -> MerkleProof:
    """Returns a path."""
    bits = items(field(value, "path"), MAX_PATH, what)
    if any(not isinstance(bit, bool) for bit in bits):
        raise AnswerError(f"{what}: expected a path")
    return MerkleProof(hashes(field(value, "siblings"), MAX_PATH, what), bits)


def chunk(value: Any, what: str) -> bytes:
    """Returns a chunk from base64."""
    if not isinstance(value, str):
        raise AnswerError(f"{what}: expected bytes in base64")
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise AnswerError(f"{what}: expected bytes in base64") from None
    if len(found) > CHUNK_BYTES:
        raise AnswerError(f"{what}: {len(found)} bytes")
    return found


def commitment(value: Any) -> tuple[Commitment, bytes]:
    """Returns a commitment and its signature."""
    what = "a commitment"
    nonce = field(value, "nonce")
    found = Commitment(
        mmr_root=hash32(field(value, "mmr_root"), what),
        start_seq=number(field(value, "start_seq"), what),
        leaf_count=number(field(value, "leaf_count"), what),
        nonce=None if nonce is None else number(nonce, what),
    )
    return found, hex_bytes(field(value, "provider_signature"), what, MAX_SIGNATURE)


def leaf_proof(value: Any) -> MmrProof:
    """Returns a leaf's proof."""
    what = "a leaf proof"
    leaf, proof = field(value, "leaf"), field(value, "proof")
    return MmrProof(
        peaks=hashes(field(proof, "peaks"), MAX_PATH, what),
        leaf=Leaf(
            hash32(field(leaf, "data_root"), what),
            number(field(leaf, "data_size"), what),
            number(field(leaf, "total_size"), what),
        ),
        leaf_proof=path(proof, what),
    )
