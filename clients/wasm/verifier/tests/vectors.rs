//! The clients' vectors, through the functions that JavaScript calls, and the signatures that
//! clients in other languages verify: `clients/vectors/signatures.json`.
//!
//! A signature has random numbers in it, so the file is verified here and not compared. With
//! `CAIRN_WRITE_DOCS` set it is written again.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test that overflows or truncates fails, as it should"
)]

#[cfg(test)]
mod cases {
    use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentHasher, split_without_padding};
    use cairn_primitives::mmr::Frontier;
    use cairn_primitives::{HashingProfile, MmrLeaf};
    use cairn_verifier_wasm::{
        Content, GivenLeaf, GivenPath, payload, verify_chunk, verify_leaf, verify_response,
        verify_signature, verify_sr25519,
    };
    use schnorrkel::{ExpansionMode, Keypair, MiniSecretKey};
    use serde_json::{Value, json};
    use std::path::PathBuf;

    /// The time of signed headers, in seconds since 1970.
    const TIME: u64 = 1_767_225_600;
    const BUCKET: u64 = 7;

    fn file(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../vectors")
            .join(name)
    }

    fn read(name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
    }

    fn bytes(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
    }

    fn all(value: &Value) -> Vec<u8> {
        value.as_array().unwrap().iter().flat_map(bytes).collect()
    }

    fn number(value: &Value) -> u64 {
        value.as_str().unwrap().parse().unwrap()
    }

    fn is_tagged(case: &Value) -> bool {
        case["profile"] == "tagged"
    }

    /// Content as the vectors' first lines define it.
    fn content(size: usize) -> Vec<u8> {
        (0..size)
            .map(|i| (7 * i + 13 * (i >> 8) + 101 * (i >> 18)) as u8)
            .collect()
    }

    fn cases<'v>(vectors: &'v Value, name: &str) -> &'v Vec<Value> {
        let cases = vectors[name].as_array().unwrap();
        assert!(cases.len() > 1, "{name}");
        cases
    }

    fn path_bytes(proof: &Value) -> (Vec<u8>, Vec<u8>) {
        let path = proof["path"].as_array().unwrap();
        let path = path.iter().map(|bit| u8::from(bit.as_bool().unwrap()));
        (all(&proof["siblings"]), path.collect())
    }

    fn leaf_verdict(case: &Value) -> Result<(), String> {
        let proof = &case["proof"];
        let (siblings, path) = path_bytes(&proof["leafProof"]);
        let leaf = &proof["leaf"];
        let given = GivenLeaf {
            data_root: &bytes(&leaf["dataRoot"]),
            data_size: number(&leaf["dataSize"]),
            total_size: number(&leaf["totalSize"]),
        };
        let path = GivenPath {
            siblings: &siblings,
            path: &path,
        };
        let (peaks, root) = (all(&proof["peaks"]), bytes(&case["root"]));
        let index = number(&case["leafIndex"]);
        let state = (number(&case["leafCount"]), root.as_slice());
        let verdict = verify_leaf(is_tagged(case), given, (&peaks, path), index, state);
        verdict.map_err(|refusal| refusal.code.to_owned())
    }

    #[test]
    fn every_leaf_of_the_vectors_is_accepted_and_every_forged_one_refused() {
        let vectors = read("proofs.json");
        for case in cases(&vectors, "leaves") {
            assert_eq!(leaf_verdict(case), Ok(()));
        }
        for case in cases(&vectors, "refusedLeaves") {
            let code = case["code"].as_str().unwrap().to_owned();
            assert_eq!(leaf_verdict(case), Err(code), "{}", case["about"]);
        }
    }

    #[test]
    fn content_of_every_size_has_its_root_nodes_and_proofs() {
        let vectors = read("proofs.json");
        for case in cases(&vectors, "contents") {
            let given = content(number(&case["size"]) as usize);
            let mut hashed = Content::new(is_tagged(case));
            let mut nodes = vec![];
            for chunk in given.chunks(CHUNK_BYTES) {
                nodes.extend(hashed.push(chunk).unwrap());
            }
            let (last, root) = hashed.finish().unwrap();
            nodes.extend(last);
            assert!(hashed.push(&[1]).is_err() && hashed.finish().is_err());
            let expected = case["nodes"].as_array().unwrap().iter().flat_map(all);
            assert_eq!(nodes, expected.collect::<Vec<_>>());
            assert_eq!(root.root.as_bytes(), bytes(&case["dataRoot"]));
            for (index, chunk) in (0..).zip(given.chunks(CHUNK_BYTES)) {
                let (siblings, path) = path_bytes(&case["chunkProofs"][index as usize]);
                let path = GivenPath {
                    siblings: &siblings,
                    path: &path,
                };
                let under = (root.root.as_bytes(), given.len() as u64);
                verify_chunk(is_tagged(case), chunk, index, path, under).unwrap();
            }
        }
    }

    #[test]
    fn forged_chunks_are_refused() {
        for case in cases(&read("proofs.json"), "refusedChunks") {
            let given = &case["chunk"];
            let chunk = match given["chunkOf"].as_u64() {
                Some(size) => {
                    let index = given["index"].as_u64().unwrap() as usize;
                    let content = content(size as usize);
                    let mut chunk = content.chunks(CHUNK_BYTES).nth(index).unwrap().to_vec();
                    chunk.truncate(chunk.len() - given["without"].as_u64().unwrap_or(0) as usize);
                    chunk
                }
                None => bytes(&given["bytes"]),
            };
            let (siblings, path) = path_bytes(&case["proof"]);
            let path = GivenPath {
                siblings: &siblings,
                path: &path,
            };
            let root = bytes(&case["dataRoot"]);
            let under = (root.as_slice(), number(&case["dataSize"]));
            let index = number(&case["chunkIndex"]);
            let refusal = verify_chunk(is_tagged(case), &chunk, index, path, under).unwrap_err();
            assert_eq!(refusal.code, case["code"], "{}", case["about"]);
        }
    }

    #[test]
    fn responses_are_judged_whole() {
        for case in cases(&read("proofs.json"), "responses") {
            let (response, root) = (bytes(&case["response"]), bytes(&case["root"]));
            let index = number(&case["leafIndex"]);
            let state = (number(&case["leafCount"]), root.as_slice());
            let judge = |response: &[u8], index| {
                verify_response(is_tagged(case), response, (index, 0), state)
            };
            judge(&response, index).unwrap();
            assert!(judge(&response, index + 1).is_err());
            assert!(judge(&response[..response.len() - 1], index).is_err());
            for at in 0..response.len() {
                let mut bent = response.clone();
                bent[at] ^= 1;
                assert!(judge(&bent, index).is_err(), "byte {at}");
            }
        }
    }

    fn keypair(seed: u8) -> Keypair {
        let secret = MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
        secret.expand_to_keypair(ExpansionMode::Ed25519)
    }

    fn prefixed(bytes: impl AsRef<[u8]>) -> String {
        format!("0x{}", hex::encode(bytes))
    }

    /// The commitment of a bucket with these contents, each split as clients split it, as its
    /// signed bytes.
    fn payload_of(sizes: &[usize]) -> Vec<u8> {
        let profile = HashingProfile::Plain;
        let mut frontier = Frontier::empty(profile);
        let mut total_size = 0;
        for size in sizes {
            let content = content(*size);
            let mut rest = content.as_slice();
            for data_size in split_without_padding(*size as u64) {
                let (part, after) = rest.split_at(data_size as usize);
                rest = after;
                let mut hasher = ContentHasher::new(profile);
                for chunk in part.chunks(CHUNK_BYTES) {
                    hasher.push(chunk).unwrap();
                }
                total_size += data_size;
                let leaf = MmrLeaf {
                    data_root: hasher.finish().root,
                    data_size,
                    total_size,
                };
                frontier.append(profile.leaf(&leaf), |_, _| {}).unwrap();
            }
        }
        let state = (0, frontier.count().get());
        payload(BUCKET, frontier.root().as_bytes(), state, None).unwrap()
    }

    fn write_signatures() {
        let sign = |pair: &Keypair, message: &[u8]| {
            prefixed(pair.sign_simple(b"substrate", message).to_bytes())
        };
        let (provider, member) = (keypair(1), keypair(2));
        // What the clients' tests upload, and what is in the bucket before.
        let big = 3 * CHUNK_BYTES - 5;
        let states: [&[usize]; 6] = [
            &[0],
            &[300],
            &[300, 100],
            &[big],
            &[300, big],
            &[300, big, 100],
        ];
        let signed = states.iter().map(|sizes| {
            let payload = payload_of(sizes);
            let signature = sign(&provider, &payload).replacen("0x", "0x01", 1);
            json!({ "sizes": sizes, "payload": prefixed(&payload), "signature": signature })
        });
        let headers = ["GET", "PUT", "POST"].map(|method| {
            let message = format!("web3storage:{method}:{BUCKET}:{TIME}");
            let wrapped = format!("<Bytes>{message}</Bytes>");
            json!({
                "message": message,
                "raw": sign(&member, message.as_bytes()),
                "wrapped": sign(&member, wrapped.as_bytes()),
            })
        });
        let written = json!({
            "about": "Written by clients/wasm/verifier/tests/vectors.rs, with sr25519 keys of the \
                      seeds 01…01 (the provider's) and 02…02 (a member's). `sizes` are those of \
                      the contents of bucket 7, each split into leaves without padding.",
            "bucket": BUCKET.to_string(),
            "seconds": TIME.to_string(),
            "providerKey": prefixed(provider.public.to_bytes()),
            "memberKey": prefixed(member.public.to_bytes()),
            "commitments": signed.collect::<Vec<_>>(),
            "headers": headers,
        });
        let text = serde_json::to_string_pretty(&written).unwrap() + "\n";
        std::fs::write(file("signatures.json"), text).unwrap();
    }

    #[test]
    fn signatures_hold_for_their_message_key_and_scheme_only() {
        if std::env::var_os("CAIRN_WRITE_DOCS").is_some() {
            write_signatures();
        }
        let vectors = read("signatures.json");
        let (provider, member) = (bytes(&vectors["providerKey"]), bytes(&vectors["memberKey"]));
        for case in cases(&vectors, "commitments") {
            let sizes = case["sizes"].as_array().unwrap();
            let sizes = sizes.iter().map(|size| size.as_u64().unwrap() as usize);
            let (payload, signature) = (bytes(&case["payload"]), bytes(&case["signature"]));
            assert_eq!(payload_of(&sizes.collect::<Vec<_>>()), payload);
            verify_signature(&payload, &signature, &provider).unwrap();
            assert!(verify_signature(&payload, &signature, &member).is_err());
            assert!(verify_signature(&payload[1..], &signature, &provider).is_err());
            assert!(verify_signature(&payload, &signature[..64], &provider).is_err());
            let mut other = signature.clone();
            other[0] = 0;
            let refusal = verify_signature(&payload, &other, &provider).unwrap_err();
            assert_eq!(refusal.code, "signatureScheme");
        }
        for case in cases(&vectors, "headers") {
            let message = case["message"].as_str().unwrap();
            let wrapped = format!("<Bytes>{message}</Bytes>");
            let (raw, wrap) = (bytes(&case["raw"]), bytes(&case["wrapped"]));
            verify_sr25519(message.as_bytes(), &raw, &member).unwrap();
            verify_sr25519(wrapped.as_bytes(), &wrap, &member).unwrap();
            assert!(verify_sr25519(message.as_bytes(), &wrap, &member).is_err());
        }
    }

    #[test]
    fn payloads_are_the_bytes_that_a_provider_signs() {
        for case in cases(&read("proofs.json"), "payloads") {
            let nonce = case["nonce"].as_str().map(|nonce| nonce.parse().unwrap());
            let state = (number(&case["startSeq"]), number(&case["leafCount"]));
            let signed = payload(number(&case["bucket"]), &bytes(&case["root"]), state, nonce);
            assert_eq!(signed.unwrap(), bytes(&case["payload"]));
        }
    }
}
