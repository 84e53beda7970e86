"""A client of a storage provider's HTTP API that verifies every byte, and its verifier.

The verifier needs the standard library only. Signatures of providers are verified by the extra
``sr25519``.
"""

from .content import Content, hash_content, split_without_padding
from .errors import (
    AnswerError,
    ApiError,
    CairnError,
    SignatureSupportMissing,
    SignerError,
    VerificationError,
)
from .bucket import BucketClient, Part, ProvenLeaf, SignedCommitment, Uploaded
from .provider import Provider
from .scale import commitment_payload
from .signing import KeypairSigner, Signer, verify_sr25519
from .verify import (
    CHUNK_BYTES,
    PLAIN,
    TAGGED,
    Commitment,
    Leaf,
    MerkleProof,
    MmrProof,
    Profile,
    verify_answer,
    verify_chunk,
    verify_leaf,
    verify_response,
    verify_signature,
)

__all__ = [
    "CHUNK_BYTES",
    "PLAIN",
    "TAGGED",
    "AnswerError",
    "ApiError",
    "BucketClient",
    "CairnError",
    "Commitment",
    "Content",
    "KeypairSigner",
    "Leaf",
    "MerkleProof",
    "MmrProof",
    "Part",
    "Profile",
    "Provider",
    "ProvenLeaf",
    "SignatureSupportMissing",
    "SignedCommitment",
    "Signer",
    "SignerError",
    "Uploaded",
    "VerificationError",
    "commitment_payload",
    "hash_content",
    "split_without_padding",
    "verify_answer",
    "verify_chunk",
    "verify_leaf",
    "verify_response",
    "verify_signature",
    "verify_sr25519",
]
