"""python3 proof.py ws://127.0.0.1:9955 BUCKET LEAF

Fetches a leaf's proof and verifies it by the chain's rule, and also that it is of that leaf
index. It does not verify the signature: the standard library has no sr25519.
"""

import asyncio
import hashlib
import json
import sys

import websockets


def digest(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def from_hex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def number(value):
    """Reads a number, which is hex above 2^53 - 1."""
    return int(value, 16) if isinstance(value, str) else value


def mountains(leaf_count):
    return [1 << bit for bit in range(62, -1, -1) if leaf_count >> bit & 1]


def verify(proof, root):
    leaf, path = proof["leaf"], proof["leafProof"]
    peaks = [from_hex(peak) for peak in proof["peaks"]]
    sizes = mountains(number(proof["commitment"]["leafCount"]))
    if len(sizes) != len(peaks):
        raise ValueError("the number of peaks does not fit the leaf count")
    index = number(leaf["leafIndex"])
    for size, peak in zip(sizes, peaks):
        if index < size:
            break
        index -= size
    else:
        raise ValueError("there is no such leaf")

    encoded = [number(leaf[field]).to_bytes(8, "little") for field in ("dataSize", "totalSize")]
    node = digest(from_hex(leaf["dataRoot"]), *encoded)
    if size != 1 << len(path["path"]):
        raise ValueError("the path has a wrong length")
    for level, (is_right, sibling) in enumerate(zip(path["path"], path["siblings"])):
        if is_right != bool(index >> level & 1):
            raise ValueError("the path leads to another leaf")
        sibling = from_hex(sibling)
        node = digest(sibling, node) if is_right else digest(node, sibling)
    if node != peak:
        raise ValueError("the path leads to another peak")

    bagged = peaks[-1]
    for peak in reversed(peaks[:-1]):
        bagged = digest(peak, bagged)
    if bagged != from_hex(root):
        raise ValueError("the peaks do not bag to the root")


async def main(url, bucket, leaf):
    async with websockets.connect(url) as socket:

        async def ask(method, *params):
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            await socket.send(json.dumps(request))
            answer = json.loads(await socket.recv())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["result"]

        root = (await ask("cairnBucket_v1_commitment", bucket))["commitment"]["mmrRoot"]
        proof = await ask("cairnBucket_v1_mmrProof", bucket, leaf, {"root": root})
        verify(proof, root)
        proof["leaf"]["dataSize"] = number(proof["leaf"]["dataSize"]) + 1
        try:
            verify(proof, root)
        except ValueError:
            print(f"python: leaf {leaf} of bucket {bucket} is under the signed root {root}")
        else:
            raise SystemExit("an altered proof is accepted")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
