#!/usr/bin/env bash
# Installs the Debian package into a folder, makes a provider's data with its program, and upgrades,
# downgrades, breaks, removes, purges and reinstalls the package. After each step the data is the
# same, byte for byte, with the same owners, modes and times; and an edited configuration stays.
# Changes nothing outside of the folder. Needs root, because the data has an owner.
#
#   scripts/test-deb.sh FILE.deb
set -euo pipefail

package=${1:?name the package, as in scripts/test-deb.sh cairn.deb}
[ "$(id -u)" -eq 0 ] || { echo 'the data has an owner, which only root can set: use sudo' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
data=$root/var/lib/cairn
config=$root/etc/cairn/cairn.toml

fail() {
    echo "test-deb: $*" >&2
    exit 1
}

# The maintainer scripts run on this machine with DPKG_ROOT set, and so without a service manager
# for the folder. Dependencies are not in the folder.
in_root() {
    dpkg --root="$root" --force-script-chrootless --force-depends --force-confold \
        --log="$work/dpkg.log" "$@" >"$work/output" 2>&1
}
dpkg_does() { in_root "$@" || { cat "$work/output" >&2; fail "dpkg $* failed"; }; }

status() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${db:Status-Status}' cairn 2>/dev/null || true; }
version() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${Version}' cairn; }

# Prints the name, type, mode, owner, size and time of everything in the data, and each file's hash.
picture() {
    (cd "$data" &&
        find . -printf '%P %y %m %U:%G %s %T@ %l\n' | LC_ALL=C sort &&
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}
data_is_untouched() {
    picture >"$work/after"
    diff "$work/before" "$work/after" >&2 || fail "$1 changed the data"
    echo "$1: the data is the same"
}

# Builds the package again as another version, whose configuration has another default.
as_version() {
    local tree=$work/tree
    rm -rf "$tree"
    dpkg-deb -R "$package" "$tree"
    sed -i "s/^Version: .*/Version: $1/" "$tree/DEBIAN/control"
    echo "# Of version $1." >>"$tree/etc/cairn/cairn.toml"
    [ -z "${2:-}" ] || printf '#!/bin/sh\n%s\n' "$2" >"$tree/DEBIAN/preinst"
    [ -z "${2:-}" ] || chmod 755 "$tree/DEBIAN/preinst"
    dpkg-deb --root-owner-group -Znone -b "$tree" "$work/$1.deb" >/dev/null
}

mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info" "$root/etc"
: >"$root/var/lib/dpkg/status"
own=$(dpkg-deb -f "$package" Version)
older=$own~older newer=$own+newer broken=$own+broken
as_version "$older"
as_version "$newer"
as_version "$broken" 'exit 1'

dpkg_does -i "$package"
[ "$(status)" = installed ] || fail "it is not installed: $(status)"
user=$(grep '^cairn:' "$root/etc/passwd" | cut -d: -f3,4) || fail 'there is no user cairn'
[ "$(stat -c '%u:%g %a' "$data")" = "$user 700" ] || fail "$data is not the user's alone"
[ "$(dpkg-deb -f "$package" Package)" = cairn ] || fail 'the package has another name'

# A key, a bucket with content and a signed root, and a file that the program does not know.
cairn=$root/usr/bin/cairn
"$cairn" --base-path "$data" key generate >/dev/null
"$cairn" --base-path "$data" bucket create 1 >/dev/null
"$cairn" --base-path "$data" put 1 "$0" >/dev/null
echo 'of the operator' >"$data/notes"
chown -R "$user" "$data"
chmod 640 "$data/notes"
# What the operator has set.
sed -i 's|^chain = .*|chain = "wss://node.example"|' "$config"
cp "$config" "$work/config"
config_is_kept() { cmp "$work/config" "$config" || fail "$1 changed the configuration"; }
picture >"$work/before"
[ "$(grep -c ' f ' "$work/before")" -gt 5 ] || fail 'there is no data to compare'

dpkg_does -i "$work/$newer.deb"
[ "$(version)" = "$newer" ] || fail 'it was not upgraded'
data_is_untouched upgrade
config_is_kept upgrade
[ -e "$config.dpkg-dist" ] || fail 'an upgrade does not show the new configuration'

! in_root -i "$work/$broken.deb" || fail 'a broken package was installed'
[ "$(version) $(status)" = "$newer installed" ] || fail "a broken upgrade leaves $(version) $(status)"
data_is_untouched 'broken upgrade'
config_is_kept 'broken upgrade'

dpkg_does -i "$work/$older.deb"
[ "$(version)" = "$older" ] || fail 'it was not downgraded'
data_is_untouched downgrade
config_is_kept downgrade

dpkg_does -r cairn
[ ! -e "$cairn" ] || fail 'the program stayed'
data_is_untouched remove
config_is_kept remove
grep -q "stay in $data" "$work/output" || fail 'remove does not say that the data stays'

dpkg_does -i "$package"
data_is_untouched reinstall
config_is_kept reinstall

dpkg_does -P cairn
[ ! -e "$config" ] || fail 'a purge leaves the configuration'
data_is_untouched purge
grep -q '^cairn:' "$root/etc/passwd" || fail 'a purge removed the owner of the data'

# The key still signs, and the root that was signed is proven.
dpkg_does -i "$package"
data_is_untouched 'install over old data'
[ "$(grep '^cairn:' "$root/etc/passwd" | cut -d: -f3,4)" = "$user" ] || fail 'the owner changed'
"$cairn" --base-path "$data" fsck 1 >/dev/null || fail 'the old data is not sound'
echo "the package keeps $(grep -c ' f ' "$work/before") files of data through each step"
