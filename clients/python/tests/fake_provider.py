"""A provider in memory behind HTTP, for one bucket: as the API says, but for what a test bends."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from cairn_storage_client import CHUNK_BYTES, PLAIN, Commitment, Leaf, commitment_payload, split_without_padding
from cairn_storage_client.content import TreeBuilder
from cairn_storage_client.verify import bag

from .vectors import BUCKET, SECONDS, SIGNATURES, chunks, content, unhex

PADDING = {bytes(32), PLAIN.node(bytes(32), bytes(32))}


class Refused(Exception):
    def __init__(self, status, error, headers=None, **details):
        self.status, self.headers = status, headers or {}
        self.body = {"error": error, "details": details}


def text(value):
    return "0x" + value.hex()


def mountains(leaves):
    """The trees of an MMR, left to right: each a list of levels."""
    found, at = [], 0
    for height in range(30, -1, -1):
        if len(leaves) >> height & 1:
            levels = [leaves[at : at + (1 << height)]]
            at += 1 << height
            while len(levels[-1]) > 1:
                below = levels[-1]
                levels.append([PLAIN.node(*below[i : i + 2]) for i in range(0, len(below), 2)])
            found.append(levels)
    return found


class FakeProvider:
    def __init__(self, sizes=()):
        self.asked = []
        self.bend = lambda route, answer: answer
        self.refuse = lambda route, times: None
        self._nodes, self._leaves = {}, []
        for size in sizes:
            start = 0
            for part in split_without_padding(size):
                self._leaves.append((self._keep(content(size)[start : start + part]), part))
                start += part
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self):
                fake._serve(self)

            do_GET = do_PUT = do_POST = respond

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def count(self, route):
        return self.asked.count(route)

    def data_root(self, sequence):
        return self._leaves[sequence][0]

    def _keep(self, data):
        tree = TreeBuilder(PLAIN)
        nodes = []
        for chunk in chunks(data):
            self._nodes[PLAIN.chunk(chunk)] = chunk
            nodes += tree.push(chunk)
        root, last = tree.finish()
        self._nodes.update({node[0]: node[1:] for node in nodes + last})
        return root

    def _serve(self, request):
        url = urlsplit(request.path)
        route = f"{request.command} {url.path}"
        self.asked.append(route)
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else {}
        try:
            refusal = self.refuse(route, self.count(route))
            if refusal == "drop":
                request.close_connection = True
                return
            if refusal:
                raise refusal
            answer = self._answer(route, dict(parse_qsl(url.query)), body, request.headers.get("Authorization"))
            answer = self.bend(route, answer)
            status, headers = 200, {}
        except Refused as refused:
            status, answer, headers = refused.status, refused.body, refused.headers
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        try:
            request.wfile.write(data)
        except ConnectionError:
            pass

    def _authorise(self, header, method):
        for one in SIGNATURES["headers"]:
            if one["message"] == f"web3storage:{method}:{BUCKET}:{SECONDS}":
                for signature in (one["raw"], one["wrapped"]):
                    if header == f"Web3Storage {SIGNATURES['memberKey']}:{signature}:{SECONDS}":
                        return
        raise Refused(401, "auth_required")

    def _answer(self, route, query, body, header):
        bucket = int(body.get("bucket_id") or query.get("bucket_id") or BUCKET)
        if bucket != BUCKET:
            raise Refused(404, "bucket_not_found", bucket_id=bucket)
        if route == "GET /health":
            return {"status": "healthy", "version": "0.1.0"}
        if route == "PUT /node":
            self._authorise(header, "PUT")
            return self._put(body)
        if route == "POST /exists":
            held = {hashed for hashed in body["hashes"] if unhex(hashed) in self._nodes}
            missing = [hashed for hashed in body["hashes"] if hashed not in held]
            return {"exists": sorted(held), "missing": missing}
        if route == "POST /commit":
            self._authorise(header, "POST")
            first = len(self._leaves)
            self._leaves += [(unhex(root), self._size(unhex(root))) for root in body["data_roots"]]
            return {**self._signed(), "leaf_indices": list(range(first, len(self._leaves)))}
        if route in ("GET /commitment", "GET /checkpoint-signature"):
            return {"bucket_id": BUCKET, **self._signed()}
        if route == "GET /mmr_proof":
            return self._leaf_proof(int(query["leaf_index"]))
        if route == "GET /chunk_proof":
            chunk, siblings, path = self._chunk(unhex(query["data_root"]), int(query["chunk_index"]))
            proof = {"siblings": [text(sibling) for sibling in siblings], "path": path}
            data = base64.b64encode(chunk).decode()
            return {"chunk_hash": text(PLAIN.chunk(chunk)), "chunk_data": data, "proof": proof}
        if route == "GET /read":
            return self._read(unhex(query["data_root"]), int(query["offset"]), int(query["length"]))
        if route == "POST /negotiate":
            terms = {"owner": body["owner"], "max_bytes": body["max_bytes"], "nonce": (1 << 64) - 1}
            return {"terms": {**terms, "price_per_byte": int(body["price_per_byte"])}, "signature": "01" + "00" * 64}
        raise Refused(404, "not_found")

    def _put(self, body):
        data, hashed = base64.b64decode(body["data"]), unhex(body["hash"])
        if PLAIN.chunk(data) != hashed:
            raise Refused(400, "invalid_hash")
        children = [unhex(child) for child in body["children"] or []]
        if any(child not in self._nodes and child not in PADDING for child in children):
            raise Refused(400, "children_missing")
        self._nodes[hashed] = tuple(children) if children else data
        return {"stored": True}

    def _size(self, hashed):
        if hashed in PADDING:
            return 0
        node = self._nodes.get(hashed)
        if node is None:
            raise Refused(404, "root_not_found")
        return len(node) if isinstance(node, bytes) else sum(map(self._size, node))

    def _hashes(self):
        total, found = 0, []
        for root, size in self._leaves:
            total += size
            found.append(PLAIN.leaf(Leaf(root, size, total)))
        return found

    def _signed(self):
        root = bag(PLAIN, [levels[-1][0] for levels in mountains(self._hashes())])
        payload = text(commitment_payload(BUCKET, Commitment(root, 0, len(self._leaves))))
        signed = next((one for one in SIGNATURES["commitments"] if one["payload"] == payload), None)
        if signed is None:
            raise Refused(500, "the vectors have no such signature")
        return {
            "mmr_root": text(root),
            "start_seq": 0,
            "leaf_count": len(self._leaves),
            "provider_signature": signed["signature"],
        }

    def _leaf_proof(self, index):
        trees = mountains(self._hashes())
        place = index
        for levels in trees:
            if place < len(levels[0]):
                break
            place -= len(levels[0])
        else:
            raise Refused(404, "not_found")
        root, size = self._leaves[index]
        total = sum(size for _, size in self._leaves[: index + 1])
        siblings = [text(level[place >> height ^ 1]) for height, level in enumerate(levels[:-1])]
        path = [bool(place >> height & 1) for height in range(len(siblings))]
        return {
            "leaf": {"data_root": text(root), "data_size": size, "total_size": total},
            "proof": {"peaks": [text(tree[-1][0]) for tree in trees], "siblings": siblings, "path": path},
        }

    def _depth(self, hashed):
        node = self._nodes[hashed]
        return 0 if isinstance(node, bytes) else 1 + self._depth(node[0])

    def _chunk(self, root, index):
        siblings, path, node = [], [], root
        for level in range(self._depth(root) - 1, -1, -1):
            bit = index >> level & 1
            siblings.insert(0, self._nodes[node][1 - bit])
            path.insert(0, bool(bit))
            node = self._nodes[node][bit]
        return self._nodes[node], siblings, path

    def _read(self, root, offset, length):
        end = min(-(-(offset + length) // CHUNK_BYTES), -(-self._size(root) // CHUNK_BYTES))
        found = []
        for index in range(offset // CHUNK_BYTES, end):
            chunk, siblings, _ = self._chunk(root, index)
            data = base64.b64encode(chunk).decode()
            found.append({"hash": text(PLAIN.chunk(chunk)), "data": data, "proof": [text(s) for s in siblings]})
        return {"chunks": found}
