"""The client against a provider in memory: honest, lying, and failing."""

import base64
import io
import unittest
from http.client import HTTPException

from cairn_storage_client import (
    CHUNK_BYTES,
    PLAIN,
    AnswerError,
    ApiError,
    KeypairSigner,
    Provider,
    SignerError,
    VerificationError,
    hash_content,
)

from .fake_provider import FakeProvider, Refused
from .vectors import BUCKET, MEMBER_KEY, PROVIDER_KEY, SECONDS, SIGNATURES, check_signature, content, member, unhex

BIG = 3 * CHUNK_BYTES - 5


class Client(unittest.TestCase):
    def setUp(self):
        self.start([300])
        self.pauses = []

    def start(self, sizes):
        self.fake = FakeProvider(sizes)
        self.addCleanup(self.fake.stop)

    def provider(self, **options):
        given = {
            "provider_key": PROVIDER_KEY,
            "signer": member(),
            "now": lambda: SECONDS,
            "sleep": self.pauses.append,
            "check_signature": check_signature,
            **options,
        }
        return Provider(self.fake.url, **given)

    def bucket(self, **options):
        return self.provider(**options).bucket(BUCKET)

    def bend(self, route, change):
        self.fake.bend = lambda asked, answer: change(answer) if asked == route else answer

    def refused(self, code, call, *given, **named):
        with self.assertRaises((VerificationError, ApiError)) as caught:
            call(*given, **named)
        self.assertEqual(caught.exception.code, code)

    def test_an_upload_is_split_committed_proven_and_read_back(self):
        bucket = self.bucket()
        uploaded = bucket.upload(content(BIG))
        parts = [(part.size, part.sequence) for part in uploaded.parts]
        self.assertEqual(parts, [(524_288, 1), (262_139, 2)])
        self.assertEqual(uploaded.signed.commitment.leaf_count, 3)
        self.assertTrue(uploaded.signed.is_verified)
        roots = [(part.data_root, part.size) for part in uploaded.parts]
        self.assertEqual(roots, hash_content(io.BytesIO(content(BIG))))
        self.assertEqual(bucket.download(part.sequence for part in uploaded.parts), content(BIG))

    def test_what_the_bucket_holds_is_not_sent_again(self):
        bucket = self.bucket()
        bucket.upload(content(BIG))
        before = self.fake.count("PUT /node")
        self.fake.refuse = lambda route, _: Refused(507, "quota_exceeded") if route == "POST /commit" else None
        self.refused("quota_exceeded", bucket.upload, content(BIG))
        # The first part's node, and no chunk.
        self.assertEqual(self.fake.count("PUT /node") - before, 1)

    def test_a_file_is_uploaded_from_where_it_stands(self):
        file = io.BytesIO(b"before" + content(100))
        file.seek(6)
        self.assertEqual(self.bucket().upload(file).parts[0].data_root, PLAIN.chunk(content(100)))

    def test_with_padding_content_is_one_leaf(self):
        [(root, size)] = hash_content(content(BIG), padding=True)
        self.fake.refuse = lambda route, _: Refused(422, "padding_refused") if route == "POST /commit" else None
        self.refused("padding_refused", self.bucket().upload, content(BIG), padding=True)
        self.assertEqual(self.provider().download(root, size), content(BIG))

    def test_a_range_is_cut_out_of_whole_chunks(self):
        first = self.bucket().upload(content(BIG)).parts[0]
        provider, size = self.provider(), CHUNK_BYTES
        for offset, length in ((0, 1), (size - 1, 2), (5, 0), (size, size), (2 * size, 0)):
            found = provider.download(first.data_root, first.size, offset, length)
            self.assertEqual(found, content(BIG)[offset : offset + length])
        with self.assertRaises(ValueError):
            provider.read(first.data_root, first.size, 2 * size, 1)

    def test_empty_content_is_one_empty_chunk_and_proven(self):
        self.start([0])
        self.assertEqual(self.bucket().download([0]), b"")
        self.bend("GET /chunk_proof", lambda answer: {**answer, "chunk_data": "AA=="})
        self.refused("chunkLength", self.bucket().download, [0])

    def test_other_bytes_under_their_own_hash_are_refused(self):
        other = content(300)[::-1]
        # The hash in the answer is that of the bytes in it, as a client of today's would check.
        chunk = {"hash": "0x" + PLAIN.chunk(other).hex(), "data": base64.b64encode(other).decode(), "proof": []}
        self.bend("GET /read", lambda _: {"chunks": [chunk]})
        self.refused("dataRoot", self.bucket().download, [0])

    def test_chunks_in_another_order_too_few_or_too_many_are_refused(self):
        bucket = self.bucket()
        sequence = bucket.upload(content(BIG)).parts[0].sequence
        self.bend("GET /read", lambda answer: {"chunks": answer["chunks"][::-1]})
        self.refused("dataRoot", bucket.download, [sequence])
        for change in (lambda chunks: chunks[1:], lambda chunks: chunks * 2):
            self.bend("GET /read", lambda answer, change=change: {"chunks": change(answer["chunks"])})
            with self.assertRaises(AnswerError):
                bucket.download([sequence])

    def test_the_bytes_of_an_inner_node_do_not_pass_as_content(self):
        part = self.bucket().upload(content(BIG)).parts[0]
        left, right = (PLAIN.chunk(content(BIG)[at : at + CHUNK_BYTES]) for at in (0, CHUNK_BYTES))
        # By its own hash it is the data root.
        self.assertEqual(PLAIN.chunk(left + right), part.data_root)
        forged = {"data": base64.b64encode(left + right).decode(), "proof": []}
        self.bend("GET /read", lambda _: {"chunks": [forged]})
        self.refused("chunkLength", self.provider().download, part.data_root, part.size, 0, 1)
        # Nor with a size that the leaf does not have.
        self.bend("GET /mmr_proof", lambda answer: {**answer, "leaf": {**answer["leaf"], "data_size": 64}})
        self.refused("notUnderItsPeak", self.bucket().leaf, part.sequence)
        self.assertEqual(self.fake.count("GET /mmr_proof"), 2 + 5)

    def test_a_proof_for_a_newer_state_is_asked_for_again(self):
        bucket = self.bucket()
        old = bucket.commitment()
        bucket.upload(content(BIG))
        answers = [
            {
                "bucket_id": BUCKET,
                "mmr_root": "0x" + old.commitment.mmr_root.hex(),
                "start_seq": 0,
                "leaf_count": 1,
                "provider_signature": "0x" + old.signature.hex(),
            }
        ]
        self.bend("GET /commitment", lambda answer: answers.pop() if answers else answer)
        self.assertEqual(bucket.leaf(0).signed.commitment.leaf_count, 3)

    def test_a_commitment_counts_only_with_the_signature_of_the_providers_key(self):
        self.bucket().commitment()
        self.bucket().checkpoint_signature()
        self.refused("signature", self.bucket(provider_key=MEMBER_KEY).commitment)
        self.assertFalse(self.bucket(provider_key=None).commitment().is_verified)
        for bent in ({"leaf_count": 2}, {"start_seq": 1}, {"nonce": 5}, {"mmr_root": "00" * 32}):
            self.bend("GET /commitment", lambda answer, bent=bent: {**answer, **bent})
            self.refused("signature", self.bucket().commitment)
        for bent in (
            {"bucket_id": 8},
            {"leaf_count": -1},
            {"leaf_count": "1"},
            {"leaf_count": True},
            {"leaf_count": 1 << 64},
            {"start_seq": 0.5},
            {"mmr_root": "0x00"},
            {"mmr_root": "0x" + "0 " * 32},
            {"provider_signature": None},
        ):
            self.bend("GET /commitment", lambda answer, bent=bent: {**answer, **bent})
            with self.subTest(bent), self.assertRaises(AnswerError):
                self.bucket().commitment()

    def test_a_provider_that_commits_something_else_is_found_out(self):
        self.bend("POST /commit", lambda answer: {**answer, "leaf_indices": [0, 1]})
        self.refused("anotherLeaf", self.bucket().upload, content(BIG))

    def test_indices_that_no_leaf_has_are_refused(self):
        for indices in ([9], [], [1, 1], ["1"], None):
            self.start([300])
            self.bend("POST /commit", lambda answer, indices=indices: {**answer, "leaf_indices": indices})
            with self.subTest(indices), self.assertRaises(AnswerError):
                self.bucket().upload(content(100))

    def test_requests_are_signed_in_both_forms_and_a_header_serves_many(self):
        asked = []
        signer = member(wrap=True)
        counting = KeypairSigner(MEMBER_KEY, lambda message: asked.append(1) or signer.sign(message))
        self.bucket(signer=counting).upload(content(BIG))
        # One for each method: GET, PUT, POST.
        self.assertEqual(len(asked), 3)
        indexed = KeypairSigner(MEMBER_KEY, lambda message: b"\x01" + member().sign(message))
        self.bucket(signer=indexed).put_chunk(b"")
        with self.assertRaises(SignerError):
            self.bucket(signer=KeypairSigner(MEMBER_KEY, lambda _: b"short")).put_chunk(b"")

    def test_a_header_is_signed_again_when_it_is_old(self):
        times = iter([SECONDS, SECONDS + 59, SECONDS + 60])
        asked = []

        def sign(message):
            asked.append(message.rsplit(b":", 1)[1])
            return bytes(64)

        bucket = self.bucket(signer=KeypairSigner(MEMBER_KEY, sign), now=lambda: next(times))
        for _ in range(3):
            bucket.commitment()
        self.assertEqual(asked, [b"%d" % SECONDS, b"%d" % (SECONDS + 60)])

    def test_without_a_signer_a_write_is_refused_and_a_public_read_is_not(self):
        self.refused("auth_required", self.bucket(signer=None).put_chunk, b"")
        self.assertEqual(self.bucket(signer=None).download([0]), content(300))

    def test_what_is_busy_is_asked_again_and_what_is_refused_is_not(self):
        self.fake.refuse = lambda _, times: Refused(503, "busy") if times <= 2 else None
        self.provider().health()
        self.assertEqual(self.pauses, [0.25, 0.5])
        self.pauses.clear()
        self.fake.refuse = lambda *_: Refused(503, "busy", {"Retry-After": "2"})
        self.refused("busy", self.bucket().commitment)
        self.assertEqual(self.pauses, [2.0, 2.0, 2.0])
        self.pauses.clear()
        for status in (400, 403, 404, 422, 429, 500, 507):
            self.fake.refuse = lambda *_, status=status: Refused(status, "code")
            self.refused("code", self.provider().health)
        self.assertEqual(self.pauses, [])

    def test_a_commit_or_terms_whose_answer_is_lost_are_not_asked_for_twice(self):
        self.fake.refuse = lambda *_: "drop"
        provider = self.provider()
        for call, route, times in (
            (provider.health, "GET /health", 4),
            (lambda: provider.bucket(BUCKET).commit([bytes(32)]), "POST /commit", 1),
            (lambda: provider.negotiate("5x", 1, 1, 1), "POST /negotiate", 1),
        ):
            with self.assertRaises((OSError, HTTPException)):
                call()
            self.assertEqual(self.fake.count(route), times)
        self.fake.refuse = lambda *_: Refused(503, "too_late")
        self.refused("too_late", provider.bucket(BUCKET).commit, [bytes(32)])
        self.assertEqual(self.fake.count("POST /commit"), 2)

    def test_terms_keep_large_numbers(self):
        terms, signature = self.provider().negotiate("5x", 1 << 63, 5, 1 << 100)
        found = (terms["max_bytes"], terms["nonce"], terms["price_per_byte"], len(signature))
        self.assertEqual(found, (1 << 63, (1 << 64) - 1, 1 << 100, 65))

    def test_an_answer_without_end_is_cut_off_and_one_of_another_form_is_an_error(self):
        self.bend("GET /health", lambda _: b"x" * (2 << 20))
        with self.assertRaisesRegex(AnswerError, "more than 1048576 bytes"):
            self.provider().health()
        deep = b"[" * 100_000 + b"]" * 100_000
        chunk = b'{"chunks":[{"data":%s,"proof":%s}]}'
        texts = [b"", b"{", b"null", b"[]", deep, b'{"chunks":7}', b'{"chunks":[null]}', b'{"chunks":[[]]}']
        for text in [*texts, chunk % (b'"*"', b"[]"), chunk % (b'""', b"[1]"), chunk % (b"null", b"[]")]:
            self.bend("GET /read", lambda _, text=text: text)
            with self.subTest(text[:40]), self.assertRaises(AnswerError):
                self.provider().download(self.fake.data_root(0), 300)

    def test_a_cut_answer_is_no_answer(self):
        self.fake.refuse = lambda *_: Refused(200, "half", {"Content-Length": "500", "Connection": "close"})
        with self.assertRaises((OSError, HTTPException)):
            self.provider(attempts=1, timeout=2).health()

    def test_a_signed_header_follows_no_redirect(self):
        self.fake.refuse = lambda *_: Refused(307, "moved", {"Location": "http://127.0.0.1:9/"})
        self.refused("moved", self.bucket(attempts=1).put_chunk, b"")

    def test_settings_that_make_no_sense_are_refused(self):
        for url in ("ftp://localhost", "localhost:3333", "http://"):
            with self.assertRaises(ValueError):
                Provider(url, provider_key=None)
        for options in ({"provider_key": b"short"}, {"header_seconds": 300}, {"attempts": 0}):
            with self.assertRaises(ValueError):
                self.provider(**options)
        self.assertEqual(unhex(SIGNATURES["providerKey"]), self.provider().provider_key)
