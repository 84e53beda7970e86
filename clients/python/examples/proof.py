"""python3 proof.py ws://127.0.0.1:9955 BUCKET LEAF

Fetches a signed commitment and the proof of a leaf under its root over the JSON-RPC, and verifies
both. It needs ``websockets`` and ``cairn-storage-client[sr25519]``.
"""

import asyncio
import dataclasses
import json
import sys

import websockets

from cairn_storage_client import (
    PLAIN,
    Commitment,
    Leaf,
    MerkleProof,
    MmrProof,
    VerificationError,
    commitment_payload,
    verify_leaf,
    verify_signature,
)


def from_hex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def number(value):
    """Reads a number, which is hex above 2^53 - 1."""
    return int(value, 16) if isinstance(value, str) else value


def signed_commitment(bucket, signed):
    """Returns the commitment if its signature is the signer's.

    Whether the signer's key is the provider's on chain is for the caller to check.
    """
    payload = from_hex(signed["payload"])
    given = signed["commitment"]
    commitment = Commitment(
        mmr_root=from_hex(given["mmrRoot"]),
        start_seq=number(given["startSeq"]),
        leaf_count=number(given["leafCount"]),
        # On chains whose payloads have a nonce, they end with it.
        nonce=int.from_bytes(payload[57:], "little") if len(payload) == 65 else None,
    )
    if commitment_payload(bucket, commitment) != payload:
        raise ValueError("the signed bytes are of another commitment")
    verify_signature(payload, from_hex(signed["signature"]), from_hex(signed["signer"]))
    return commitment


def leaf_proof(answer):
    leaf, path = answer["leaf"], answer["leafProof"]
    siblings = [from_hex(sibling) for sibling in path["siblings"]]
    return MmrProof(
        [from_hex(peak) for peak in answer["peaks"]],
        Leaf(from_hex(leaf["dataRoot"]), number(leaf["dataSize"]), number(leaf["totalSize"])),
        MerkleProof(siblings, path["path"]),
    )


async def main(url, bucket, leaf):
    async with websockets.connect(url) as socket:

        async def ask(method, *params):
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            await socket.send(json.dumps(request))
            answer = json.loads(await socket.recv())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["result"]

        commitment = signed_commitment(bucket, await ask("cairnBucket_v1_commitment", bucket))
        root = "0x" + commitment.mmr_root.hex()
        proof = leaf_proof(await ask("cairnBucket_v1_mmrProof", bucket, leaf, {"root": root}))
        state = (leaf, commitment.leaf_count, commitment.mmr_root)
        verify_leaf(PLAIN, proof, *state)
        larger = dataclasses.replace(proof.leaf, data_size=proof.leaf.data_size + 1)
        try:
            verify_leaf(PLAIN, dataclasses.replace(proof, leaf=larger), *state)
        except VerificationError:
            print(f"python: leaf {leaf} of bucket {bucket} is under the signed root {root}")
        else:
            raise SystemExit("an altered proof is accepted")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
