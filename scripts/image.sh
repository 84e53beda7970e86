#!/usr/bin/env bash
# Builds an image around a program in the target directory, without a network and without a base
# image, and writes it to an archive that podman and docker load.
#
#   scripts/image.sh FOLDER                the provider, by packaging/Containerfile
#   scripts/image.sh FOLDER cairn-devnode  the development node, by packaging/devnode.Containerfile
set -euo pipefail

folder=$(realpath -m "${1:?name a folder for the archive, as in scripts/image.sh dist}")
program=${2:-cairn}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
user=9955
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] || { echo "there is no $certificates: install ca-certificates" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
install -D -m 755 "$target/release/$program" "$root/usr/bin/$program"
ldd "$target/release/$program" | grep -oE '/[^ ]+' | while read -r library; do
    install -D -m 755 "$(realpath "$library")" "$root$library"
    # The licence of the library, where the system keeps it.
    package=$(dpkg-query --search "$(realpath "$library")" 2>/dev/null | cut -d: -f1) || continue
    copyright=/usr/share/doc/$package/copyright
    [ ! -f "$copyright" ] || install -D -m 644 "$copyright" "$root$copyright"
done
install -D -m 644 "$certificates" "$root$certificates"
echo "cairn:x:$user:$user:Cairn storage provider:/var/lib/$program:/nonexistent" >"$root/etc/passwd"
echo "cairn:x:$user:" >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod 644 "$root"/etc/{passwd,group,nsswitch.conf}
install -D -m 644 LICENSE "$root/usr/share/doc/cairn/LICENSE"
install -d -m 1777 "$root/tmp"
install -d -m 755 "$root/var/lib"
install -d -m 700 "$work/data/$program"
case "$program" in
cairn)
    recipe=packaging/Containerfile
    install -D -m 644 packaging/cairn.toml "$root/etc/cairn/cairn.toml"
    scripts/sbom.sh "$root/usr/share/doc/cairn/cairn.cdx.json"
    ;;
cairn-devnode) recipe=packaging/devnode.Containerfile ;;
*)
    echo "there is no image of $program" >&2
    exit 2
    ;;
esac

name=localhost/$program:$version
archive=$folder/$program-$version-$(uname -m)-image.tar
# The format of docker: that of OCI has no place for the HEALTHCHECK.
buildah bud --quiet --format docker --timestamp "$time" --tag "$name" \
    --label "org.opencontainers.image.title=$program" \
    --label "org.opencontainers.image.version=$version" \
    --label org.opencontainers.image.licenses=Apache-2.0 \
    --file "$recipe" "$work" >/dev/null
mkdir -p "$folder"
rm -f "$archive"
buildah push --quiet "$name" "docker-archive:$archive:$name"
echo "$archive"
