# Sourced by the demos: sets `files` to the folder that they store.
files_to_store() {
    local sysroot folder
    sysroot=$(rustc --print sysroot 2>/dev/null || true)
    for folder in "$sysroot/share/doc" "$sysroot/lib/rustlib/src" \
        "${CARGO_HOME:-$HOME/.cargo}/registry/src" /usr/share/doc; do
        # A toolchain without documentation has a folder for it with little in it.
        if [ -d "$folder" ] && [ "$(du -sm "$folder" | cut -f1)" -ge 20 ]; then
            echo "$folder"
            return
        fi
    done
    fail 'found no large folder to store: name one with FILES=folder'
}
files=${FILES:-$(files_to_store)}
[ -d "$files" ] || fail "there is no folder $files to store"
files=$(readlink -f "$files")
