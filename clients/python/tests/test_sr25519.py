"""Signatures, by the extra ``sr25519``, against those that schnorrkel made."""

import unittest

from cairn_storage_client import (
    PLAIN,
    Commitment,
    Leaf,
    MerkleProof,
    MmrProof,
    Provider,
    VerificationError,
    verify_answer,
    verify_signature,
    verify_sr25519,
)

from .fake_provider import FakeProvider
from .vectors import BUCKET, MEMBER_KEY, PROVIDER_KEY, SIGNATURES, content, unhex


class Signatures(unittest.TestCase):
    def refused(self, code, verify, *given):
        with self.assertRaises(VerificationError) as caught:
            verify(*given)
        self.assertEqual(caught.exception.code, code)

    def test_a_commitments_signature_holds_for_its_message_key_and_scheme_only(self):
        for case in SIGNATURES["commitments"]:
            payload, signature = unhex(case["payload"]), unhex(case["signature"])
            verify_signature(payload, signature, PROVIDER_KEY)
            self.refused("signature", verify_signature, payload, signature, MEMBER_KEY)
            self.refused("signature", verify_signature, payload[1:], signature, PROVIDER_KEY)
            self.refused("signature", verify_signature, payload, signature, b"\xff" * 32)
            self.refused("malformed", verify_signature, payload, signature[:-1], PROVIDER_KEY)
            self.refused("malformed", verify_signature, payload, signature + b"\0", PROVIDER_KEY)
            for scheme in (0, 2, 3):
                other = bytes([scheme]) + signature[1:]
                self.refused("signatureScheme", verify_signature, payload, other, PROVIDER_KEY)
            for at in range(1, 65):
                bent = bytearray(signature)
                bent[at] ^= 1
                self.refused("signature", verify_signature, payload, bytes(bent), PROVIDER_KEY)

    def test_both_forms_of_a_signed_header_are_told_apart(self):
        for case in SIGNATURES["headers"]:
            message = case["message"].encode()
            wrapped = b"<Bytes>" + message + b"</Bytes>"
            self.assertTrue(verify_sr25519(message, unhex(case["raw"]), MEMBER_KEY))
            self.assertTrue(verify_sr25519(wrapped, unhex(case["wrapped"]), MEMBER_KEY))
            self.assertFalse(verify_sr25519(message, unhex(case["wrapped"]), MEMBER_KEY))

    def test_a_client_verifies_signatures_by_itself(self):
        fake = FakeProvider([300])
        self.addCleanup(fake.stop)
        bucket = Provider(fake.url, provider_key=PROVIDER_KEY).bucket(BUCKET)
        self.assertTrue(bucket.commitment().is_verified)
        self.assertEqual(bucket.download([0]), content(300))
        other = Provider(fake.url, provider_key=MEMBER_KEY).bucket(BUCKET)
        self.refused("signature", other.download, [0])

    def test_a_whole_answer_holds_only_with_all_of_its_parts(self):
        signed = next(case for case in SIGNATURES["commitments"] if case["sizes"] == [300])
        chunk = content(300)
        leaf = Leaf(PLAIN.chunk(chunk), 300, 300)
        # One leaf is its own root.
        root = PLAIN.leaf(leaf)
        empty = MerkleProof([], [])
        answer = {
            "profile": PLAIN,
            "commitment": Commitment(root, 0, 1),
            "signature": unhex(signed["signature"]),
            "provider_key": PROVIDER_KEY,
            "bucket": BUCKET,
            "leaf_index": 0,
            "mmr_proof": MmrProof([root], leaf, empty),
            "chunk_index": 0,
            "chunk": chunk,
            "chunk_proof": empty,
        }
        verify_answer(**answer)
        for code, bent in {
            "signature": {"bucket": 8},
            "noSuchLeaf": {"leaf_index": 1},
            "chunkLength": {"chunk": chunk[1:]},
            "dataRoot": {"chunk": chunk[::-1]},
            "aliasedChunk": {"chunk_index": 1},
        }.items():
            self.refused(code, lambda bent=bent: verify_answer(**{**answer, **bent}))
