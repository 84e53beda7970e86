#!/usr/bin/env bash
# Drives a running gateway with real S3 clients: aws and boto3 always, rclone and s5cmd where they are
# installed. Uploads, lists, ranges, copies, deletes, an upload in parts, and a mirror that is done
# twice. The gateway is the example of `cairn-s3`, over a simulated chain:
#
#   cargo build --release -p cairn-s3 --example gateway -p cairn-provider-cli --bin cairn
#   scripts/test-s3.sh          with a large object of 64 MiB
#   BYTES=1073741824            with one of 1 GiB
#   PROGRAMS=folder             has the programs
set -euo pipefail

programs=${PROGRAMS:-${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/release}
cairn=$programs/cairn gateway=$programs/examples/gateway
bytes=${BYTES:-67108864}
key=test-s3 secret=a-secret-of-this-test

fail() {
    echo "test-s3: $*" >&2
    exit 1
}
say() { echo "test-s3: $*"; }

[ -x "$cairn" ] && [ -x "$gateway" ] || fail "there is no $cairn or no $gateway: build them first"
command -v aws >/dev/null || fail 'aws is not installed: pip install awscli'
work=$(mktemp -d)
provider=
end() {
    [ -z "$provider" ] || kill "$provider" 2>/dev/null || true
    wait "$provider" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

export CAIRN_BASE_PATH=$work/provider HOME=$work
unset CAIRN_RPC
cat >"$work/keys.toml" <<KEYS
[[key]]
access-key = "$key"
secret = "$secret"
[[key.bucket]]
name = "photos"
id = 7
access = "write"
[[key.bucket]]
name = "archive"
id = 8
access = "read"
KEYS
chmod 600 "$work/keys.toml"

start() {
    "$gateway" "$CAIRN_BASE_PATH" "$work/keys.toml" >"$work/summary" 2>"$work/log" &
    provider=$!
    for _ in $(seq 600); do
        endpoint=$(sed -n 's/.*"s3":"\([^"]*\)".*/\1/p' "$work/summary")
        [ -z "$endpoint" ] || return 0
        kill -0 "$provider" || fail "the provider has ended: $(cat "$work/log")"
        sleep 0.1
    done
    fail 'the provider does not start'
}
start
say "the gateway is at $endpoint"

export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1
unset AWS_CA_BUNDLE
s3() { aws --endpoint-url "$endpoint" s3 "$@"; }
api() { aws --endpoint-url "$endpoint" --output text s3api "$@"; }
# Fails unless a command is refused with a text.
refused() {
    local text=$1
    shift
    local said
    said=$("$@" 2>&1) && fail "not refused: $*"
    grep -q "$text" <<<"$said" || fail "refused otherwise: $said"
}

say 'aws: buckets, keys and rights'
[ "$(api list-buckets --query 'Buckets[].Name')" = $'archive\tphotos' ] || fail 'buckets'
api head-bucket --bucket photos >/dev/null
refused 404 api head-bucket --bucket others
echo words >"$work/words"
refused AccessDenied s3 cp --only-show-errors "$work/words" s3://archive/words
AWS_SECRET_ACCESS_KEY=another-secret-of-some-length \
    refused SignatureDoesNotMatch s3 ls s3://photos
AWS_ACCESS_KEY_ID=nobody refused InvalidAccessKeyId s3 ls s3://photos

say 'aws: an object with its metadata, ranges and conditions'
api put-object --bucket photos --key 'a b/ä+%&.txt' --body "$work/words" \
    --content-type text/plain --metadata author=alice --content-encoding identity >/dev/null
head=$(api head-object --bucket photos --key 'a b/ä+%&.txt' \
    --query '[ContentLength,ContentType,Metadata.author,ContentEncoding]')
[ "$head" = $'6\ttext/plain\talice\tidentity' ] || fail "head: $head"
api get-object --bucket photos --key 'a b/ä+%&.txt' --range bytes=1-3 "$work/part" >/dev/null
[ "$(cat "$work/part")" = ord ] || fail 'range'
refused PreconditionFailed api put-object --bucket photos --key 'a b/ä+%&.txt' \
    --body "$work/words" --if-none-match '*'
refused NoSuchKey api get-object --bucket photos --key none "$work/none"
[ "$(s3 ls s3://photos/ | tr -s ' ')" = ' PRE a b/' ] || fail 'listing with prefixes'
s3 ls --recursive s3://photos | grep -q 'a b/ä+%&.txt' || fail 'listing'

say 'aws: a mirror, twice'
mkdir -p "$work/tree/deep/er"
for number in $(seq 25); do
    head -c $((number * 50000)) /dev/urandom >"$work/tree/deep/$number"
    echo "$number" >"$work/tree/deep/er/$number"
done
: >"$work/tree/empty"
# Times of objects are whole seconds: a file of the same second would be newer than its object.
find "$work/tree" -type f -exec touch -d '1 minute ago' {} +
s3 sync --only-show-errors "$work/tree" s3://photos/tree
again=$(s3 sync --no-progress "$work/tree" s3://photos/tree)
[ -z "$again" ] || fail "the second mirror sends: $again"
s3 sync --only-show-errors s3://photos/tree "$work/copy"
diff -r "$work/tree" "$work/copy" || fail 'the mirror differs'
# Pages of a listing.
names=$(api list-objects-v2 --bucket photos --prefix tree/ --page-size 7 --query 'length(Contents)')
[ "$(awk '{ sum += $1 } END { print sum }' <<<"$names")" = 51 ] || fail "pages: $names"

say "aws: an object of $bytes bytes in parts"
head -c "$bytes" /dev/urandom >"$work/large"
s3 cp --only-show-errors "$work/large" s3://photos/large
s3 cp --only-show-errors s3://photos/large "$work/back"
cmp "$work/large" "$work/back" || fail 'the large object differs'
rm "$work/back"
# A large copy is one of ranges, in parts. Version 2 asks for tags too unless it has the option below.
copying=(--only-show-errors)
case $(aws --version 2>&1) in
    aws-cli/1.*) ;;
    *) copying+=(--copy-props metadata-directive) ;;
esac
s3 cp "${copying[@]}" s3://photos/large s3://photos/again
s3 cp --only-show-errors s3://photos/again "$work/back"
cmp "$work/large" "$work/back" || fail 'the copy of the large object differs'
rm "$work/back"
# However large an object is, a few of its chunks are in memory.
peak=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$provider/status")
[ "$peak" -lt 384 ] || fail "the gateway took $peak MiB of memory"
refused InvalidPart api complete-multipart-upload --bucket photos --key parts --upload-id "$(
    api create-multipart-upload --bucket photos --key parts --query UploadId
)" --multipart-upload 'Parts=[{PartNumber=1,ETag="'"$(printf '0%.0s' $(seq 64))"'"}]'

say 'aws: copies and deletions'
s3 cp --only-show-errors s3://photos/words s3://photos/none 2>/dev/null && fail 'copied nothing'
api copy-object --bucket photos --key copy --copy-source photos/tree/deep/7 >/dev/null
s3 cp --only-show-errors s3://photos/copy "$work/seven"
cmp "$work/seven" "$work/tree/deep/7" || fail 'the copy differs'
s3 rm --only-show-errors --recursive s3://photos/tree/deep/er
[ "$(s3 ls --recursive s3://photos/tree | wc -l)" = 26 ] || fail 'deletion'

say 'boto3: a checksum that is wrong, and an upload that survives a restart'
python3 - "$endpoint" begin "$work/state" <<'PYTHON' || fail boto3
import sys, json, boto3, hashlib, base64
from botocore.config import Config
from botocore.exceptions import ClientError
endpoint, _, state = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
try:
    s3.put_object(Bucket="photos", Key="wrong", Body=b"body", ChecksumSHA256=wrong)
    sys.exit("a wrong checksum was taken")
except ClientError as error:
    assert error.response["Error"]["Code"] == "BadDigest", error
try:
    s3.head_object(Bucket="photos", Key="wrong")
    sys.exit("a body with a wrong checksum was kept")
except ClientError as error:
    assert error.response["Error"]["Code"] == "404", error
# Without this, boto3 signs URLs by version 2.
signing = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4"))
url = signing.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "copy"})
import urllib.request
assert len(urllib.request.urlopen(url).read()) == 7 * 50000
upload = s3.create_multipart_upload(Bucket="photos", Key="parts")["UploadId"]
# No whole chunks: 5 MiB and a byte.
one = s3.upload_part(Bucket="photos", Key="parts", UploadId=upload, PartNumber=1,
                     Body=b"1" * (5 * 2**20 + 1))["ETag"]
json.dump([upload, one], open(state, "w"))
PYTHON
kill "$provider"
wait "$provider" || fail 'the provider did not stop well'
start
python3 - "$endpoint" complete "$work/state" <<'PYTHON' || fail boto3
import sys, json, boto3
endpoint, _, state = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
upload, one = json.load(open(state))
parts = s3.list_parts(Bucket="photos", Key="parts", UploadId=upload)["Parts"]
assert [part["ETag"] for part in parts] == [one], parts
two = s3.upload_part(Bucket="photos", Key="parts", UploadId=upload, PartNumber=2, Body=b"2")["ETag"]
s3.complete_multipart_upload(Bucket="photos", Key="parts", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]})
body = s3.get_object(Bucket="photos", Key="parts")["Body"].read()
assert body == b"1" * (5 * 2**20 + 1) + b"2"
for open_upload in s3.list_multipart_uploads(Bucket="photos").get("Uploads", []):
    s3.abort_multipart_upload(Bucket="photos", Key=open_upload["Key"], UploadId=open_upload["UploadId"])
assert not s3.list_multipart_uploads(Bucket="photos").get("Uploads")
deleted = s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": "parts"}, {"Key": "none"}]})
assert len(deleted["Deleted"]) == 2, deleted
PYTHON

if command -v rclone >/dev/null; then
    say 'rclone: a mirror, twice'
    export RCLONE_CONFIG=$work/rclone.conf RCLONE_CONFIG_C_TYPE=s3 RCLONE_CONFIG_C_PROVIDER=Other \
        RCLONE_CONFIG_C_ENDPOINT=$endpoint RCLONE_CONFIG_C_ENV_AUTH=true
    rclone sync "$work/tree" c:photos/rclone
    again=$(rclone sync --stats-one-line -v "$work/tree" c:photos/rclone 2>&1)
    grep -q 'Copied' <<<"$again" && fail "the second mirror sends: $again"
    rclone check --download "$work/tree" c:photos/rclone 2>/dev/null || fail 'rclone check'
else
    say 'rclone is not installed'
fi
if command -v s5cmd >/dev/null; then
    say 's5cmd: a mirror, twice'
    s5() { S3_ENDPOINT_URL=$endpoint s5cmd "$@"; }
    s5 sync "$work/tree/" s3://photos/s5/ >/dev/null
    [ -z "$(s5 sync "$work/tree/" s3://photos/s5/)" ] || fail 'the second mirror sends'
    s5 cp 's3://photos/s5/*' "$work/s5/" >/dev/null
    diff -r "$work/tree" "$work/s5" || fail 'the mirror differs'
else
    say 's5cmd is not installed'
fi

kill "$provider"
wait "$provider" || fail 'the provider did not stop well'
provider=
"$cairn" fsck 7 >/dev/null || fail 'fsck has findings'
say 'all clients are content'
