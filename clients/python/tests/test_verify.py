"""The verifier against the vectors of cairn-primitives."""

import dataclasses
import random
import unittest

from cairn_storage_client import (
    PLAIN,
    TAGGED,
    Commitment,
    Leaf,
    MerkleProof,
    VerificationError,
    commitment_payload,
    hash_content,
    split_without_padding,
    verify_chunk,
    verify_leaf,
    verify_response,
)
from cairn_storage_client.content import TreeBuilder

from .vectors import PROFILES, PROOFS, chunks, content, mmr_proof, path, unhex


def leaf_case(case):
    profile, proof = PROFILES[case["profile"]], mmr_proof(case["proof"])
    return profile, proof, int(case["leafIndex"]), int(case["leafCount"]), unhex(case["root"])


class Vectors(unittest.TestCase):
    def refused(self, code, verify, *given):
        with self.assertRaises(VerificationError) as caught:
            verify(*given)
        self.assertEqual(caught.exception.code, code)

    def test_hashes_are_those_of_the_vectors(self):
        for case in PROOFS["hashes"]:
            profile = PROFILES[case["profile"]]
            self.assertEqual(profile.chunk(unhex(case["chunk"]["bytes"])), unhex(case["chunk"]["hash"]))
            self.assertEqual(profile.chunk(b""), unhex(case["empty"]))
            node, bag, leaf = case["node"], case["bag"], case["leaf"]
            self.assertEqual(profile.node(unhex(node["left"]), unhex(node["right"])), unhex(node["hash"]))
            self.assertEqual(profile.bag(unhex(bag["peak"]), unhex(bag["rest"])), unhex(bag["hash"]))
            hashed = profile.leaf(Leaf(unhex(leaf["dataRoot"]), int(leaf["dataSize"]), int(leaf["totalSize"])))
            self.assertEqual(hashed, unhex(leaf["hash"]))

    def test_content_is_split_into_the_same_parts(self):
        for case in PROOFS["splits"]:
            self.assertEqual(split_without_padding(int(case["size"])), [int(part) for part in case["parts"]])

    def test_content_of_every_size_has_its_root_nodes_and_proofs(self):
        for case in PROOFS["contents"]:
            profile, size = PROFILES[case["profile"]], int(case["size"])
            root = unhex(case["dataRoot"])
            tree = TreeBuilder(profile)
            nodes = [node for chunk in chunks(content(size)) for node in tree.push(chunk)]
            found, last = tree.finish()
            self.assertEqual(found, root)
            expected = [tuple(unhex(text) for text in node) for node in case["nodes"]]
            self.assertEqual(nodes + last, expected)
            self.assertEqual(hash_content(content(size), profile, padding=True), [(root, size)])
            for index, chunk in enumerate(chunks(content(size))):
                proof = path(case["chunkProofs"][index])
                verify_chunk(profile, chunk, index, proof, root, size)

    def test_chunks_that_no_content_has_are_refused(self):
        for wrong in ([b"short", b"more"], [content(262_144), b""], [content(262_145)]):
            tree = TreeBuilder(PLAIN)
            with self.assertRaises(ValueError):
                for chunk in wrong:
                    tree.push(chunk)

    def test_every_leaf_at_every_leaf_count_is_accepted(self):
        self.assertGreater(len(PROOFS["leaves"]), 60)
        for case in PROOFS["leaves"]:
            verify_leaf(*leaf_case(case))

    def test_forged_leaves_are_refused_each_for_its_reason(self):
        for case in PROOFS["refusedLeaves"]:
            with self.subTest(case["about"], profile=case["profile"]):
                self.refused(case["code"], verify_leaf, *leaf_case(case))

    def test_forged_chunks_are_refused_each_for_its_reason(self):
        for case in PROOFS["refusedChunks"]:
            given = case["chunk"]
            if "bytes" in given:
                chunk = unhex(given["bytes"])
            else:
                chunk = chunks(content(given["chunkOf"]))[given["index"]]
                chunk = chunk[: len(chunk) - given.get("without", 0)]
            with self.subTest(case["about"], profile=case["profile"]):
                self.refused(
                    case["code"],
                    verify_chunk,
                    PROFILES[case["profile"]],
                    chunk,
                    int(case["chunkIndex"]),
                    path(case["proof"]),
                    unhex(case["dataRoot"]),
                    int(case["dataSize"]),
                )

    def test_a_proof_of_one_profile_is_none_of_the_other(self):
        case = next(case for case in PROOFS["leaves"] if case["leafCount"] == "7")
        _, *rest = leaf_case(case)
        self.assertEqual(case["profile"], "plain")
        self.refused("notUnderItsPeak", verify_leaf, TAGGED, *rest)

    def test_responses_hold_for_their_challenge_only(self):
        for case in PROOFS["responses"]:
            profile, response = PROFILES[case["profile"]], unhex(case["response"])
            index, root = int(case["leafIndex"]), unhex(case["root"])
            commitment = Commitment(root, 0, int(case["leafCount"]))
            verify_response(profile, response, index, 0, commitment)
            for wrong in (response[:-1], response + b"\0", b"\x02", b"", b"\0\xff\xff\xff\xff"):
                self.refused("malformed", verify_response, profile, wrong, index, 0, commitment)
            for at in range(len(response)):
                bent = bytearray(response)
                bent[at] ^= 1
                with self.assertRaises(VerificationError):
                    verify_response(profile, bytes(bent), index, 0, commitment)

    def test_signed_bytes_are_those_of_the_vectors(self):
        for case in PROOFS["payloads"]:
            nonce = case["nonce"] and int(case["nonce"])
            commitment = Commitment(unhex(case["root"]), int(case["startSeq"]), int(case["leafCount"]), nonce)
            self.assertEqual(commitment_payload(int(case["bucket"]), commitment), unhex(case["payload"]))


class Alterations(unittest.TestCase):
    """Alters the vectors' proofs at random: none passes. A failure prints the case."""

    def alter(self, chance, proof, index, count, root):
        def bent(value):
            at = chance.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]

        def without(values):
            at = chance.randrange(len(values))
            return [*values[:at], *values[at + 1 :]]

        leaf, path_ = proof.leaf, proof.leaf_proof
        choices = [
            lambda: (proof, index, count, bent(root)),
            lambda: (proof, (index + chance.randrange(1, count + 1)) % (count + 1), count, root),
            lambda: (dataclasses.replace(proof, peaks=without(proof.peaks)), index, count, root),
            lambda: (dataclasses.replace(proof, peaks=[*proof.peaks, bytes(32)]), index, count, root),
        ]
        for field in ("data_size", "total_size"):
            changed = dataclasses.replace(leaf, **{field: getattr(leaf, field) ^ 1 << chance.randrange(64)})
            choices.append(lambda changed=changed: (dataclasses.replace(proof, leaf=changed), index, count, root))
        if path_.siblings:
            at = chance.randrange(len(path_.siblings))
            siblings = [*path_.siblings]
            siblings[at] = bent(siblings[at])
            bits = [*path_.path]
            bits[at] = not bits[at]
            for changed in (
                MerkleProof(siblings, path_.path),
                MerkleProof(path_.siblings, bits),
                MerkleProof(without(path_.siblings), path_.path),
                MerkleProof(path_.siblings, without(path_.path)),
            ):
                choices.append(
                    lambda changed=changed: (dataclasses.replace(proof, leaf_proof=changed), index, count, root)
                )
        return chance.choice(choices)()

    def test_no_altered_leaf_passes(self):
        chance = random.Random(14)
        for case in PROOFS["leaves"]:
            profile, *given = leaf_case(case)
            for _ in range(30):
                altered = self.alter(chance, *given)
                with self.subTest(altered=altered), self.assertRaises(VerificationError):
                    verify_leaf(profile, *altered)

    def test_wrong_types_and_numbers_raise_errors_of_this_package_or_of_values(self):
        proof = MerkleProof([b"short"], [False])
        for size in (-1, 1 << 64, True, "5", 0.5):
            with self.assertRaises((ValueError, TypeError)):
                verify_chunk(PLAIN, b"", 0, MerkleProof([], []), bytes(32), size)
        with self.assertRaises(ValueError):
            verify_chunk(PLAIN, content(262_144), 0, proof, bytes(32), 262_145)
        with self.assertRaises(VerificationError):
            verify_leaf(PLAIN, mmr_proof(PROOFS["leaves"][0]["proof"]), 0, 1 << 63, bytes(32))
