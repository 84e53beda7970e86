"""The vectors that cairn-primitives wrote, and content as they define it."""

import functools
import json
from pathlib import Path

from cairn_storage_client import (
    CHUNK_BYTES,
    PLAIN,
    TAGGED,
    KeypairSigner,
    Leaf,
    MerkleProof,
    MmrProof,
    VerificationError,
)

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
PROOFS = json.loads((FOLDER / "proofs.json").read_text())
SIGNATURES = json.loads((FOLDER / "signatures.json").read_text())
PROFILES = {"plain": PLAIN, "tagged": TAGGED}
SECONDS = int(SIGNATURES["seconds"])
BUCKET = int(SIGNATURES["bucket"])


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


PROVIDER_KEY = unhex(SIGNATURES["providerKey"])
MEMBER_KEY = unhex(SIGNATURES["memberKey"])


@functools.cache
def content(size):
    return bytes((7 * i + 13 * (i >> 8) + 101 * (i >> 18)) & 0xFF for i in range(size))


def chunks(data):
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data) or 1, CHUNK_BYTES)]


def path(value):
    return MerkleProof([unhex(text) for text in value["siblings"]], value["path"])


def mmr_proof(value):
    leaf = value["leaf"]
    return MmrProof(
        [unhex(peak) for peak in value["peaks"]],
        Leaf(unhex(leaf["dataRoot"]), int(leaf["dataSize"]), int(leaf["totalSize"])),
        path(value["leafProof"]),
    )


def check_signature(payload, signature, key):
    """Accepts the vectors' signatures: the extra that verifies others need not be installed."""
    given = ("0x" + payload.hex(), "0x" + signature.hex())
    known = ((one["payload"], one["signature"]) for one in SIGNATURES["commitments"])
    if key != PROVIDER_KEY or given not in known:
        raise VerificationError("signature", "not one of the vectors")


def member(wrap=False):
    """The member's signer: it signs what the vectors have signatures of."""

    def sign(message):
        for header in SIGNATURES["headers"]:
            raw = header["message"].encode()
            if message == (b"<Bytes>" + raw + b"</Bytes>" if wrap else raw):
                return unhex(header["wrapped" if wrap else "raw"])
        raise AssertionError(f"the vectors have no signature of {message}")

    return KeypairSigner(MEMBER_KEY, sign, wrap=wrap)
