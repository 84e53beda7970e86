#!/usr/bin/env bash
# Checks the documents: every relative link leads to a file, and to a heading where
# it names one; every path of this repository that a page names exists; every page of
# docs/ is in docs/SUMMARY.md, so that the book has it; and every test that
# docs/invariants.md names exists. Needs no network.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
fail() {
    echo "$1" >&2
    failed=1
}

# Prints "line target" for each link of a page, outside fenced code and code spans.
links_of() {
    awk '
        /^ *(```|~~~)/ { fenced = !fenced; next }
        fenced { next }
        {
            line = $0
            gsub(/`[^`]*`/, "", line)
            while (match(line, /\]\([^() ]+( "[^"]*")?\)/)) {
                target = substr(line, RSTART + 2, RLENGTH - 3)
                sub(/ .*/, "", target)
                print NR, target
                line = substr(line, RSTART + RLENGTH)
            }
            if (match($0, /^\[[^]]+\]: +[^ ]+/)) {
                target = substr($0, RSTART, RLENGTH)
                sub(/^\[[^]]+\]: +/, "", target)
                print NR, target
            }
        }
    ' "$1"
}

# Prints the anchors of a page, as GitHub and mdBook make them from its headings.
anchors_of() {
    awk '
        /^ *(```|~~~)/ { fenced = !fenced; next }
        !fenced && /^#+ / {
            sub(/^#+ +/, "")
            anchor = tolower($0)
            gsub(/[^a-z0-9 _-]/, "", anchor)
            gsub(/ /, "-", anchor)
            count = seen[anchor]++
            print count ? anchor "-" count : anchor
        }
    ' "$1"
}

# New pages count before they are committed.
mapfile -t pages < <(git ls-files --cached --others --exclude-standard '*.md' | sort -u |
    while read -r page; do [ ! -f "$page" ] || echo "$page"; done)
[ "${#pages[@]}" -gt 0 ] || { echo 'there are no pages' >&2; exit 1; }

checked=0
for page in "${pages[@]}"; do
    while read -r line target; do
        case "$target" in
        http://* | https://* | mailto:*) continue ;;
        esac
        checked=$((checked + 1))
        path=${target%%#*}
        anchor=
        [ "$path" = "$target" ] || anchor=${target#*#}
        if [ -z "$path" ]; then
            file=$page
        else
            file=$(dirname "$page")/$path
        fi
        if [ ! -e "$file" ]; then
            fail "$page:$line: there is no $target"
        elif [ -n "$anchor" ] && [[ $file == *.md ]] && ! anchors_of "$file" | grep -qxF -- "$anchor"; then
            fail "$page:$line: $file has no heading for #$anchor"
        fi
    done < <(links_of "$page")
done

# A semicolon ends a statement in a mermaid diagram. The rest of the text is then a
# syntax error, which shows only when the page is rendered.
for page in "${pages[@]}"; do
    while read -r line; do
        fail "$page:$line: a semicolon in a diagram"
    done < <(awk '/^```/ { inside = /mermaid/ } inside && /;/ { print NR }' "$page")
done

# Paths in code spans that begin with a folder of this repository. The changelog
# may name files that no longer exist.
folders=$(git ls-files | sed -n 's|/.*||p' | sort -u | paste -sd'|')
paths=0
for page in "${pages[@]}"; do
    [ "$page" != CHANGELOG.md ] || continue
    while IFS=: read -r line path; do
        path=${path//\`/}
        paths=$((paths + 1))
        [ -e "$path" ] || fail "$page:$line: there is no $path"
    done < <(grep -noE "\`($folders)/[A-Za-z0-9_./-]*[A-Za-z0-9_/-]\`" "$page" || true)
done

listed=$(links_of docs/SUMMARY.md | cut -d' ' -f2)
for page in "${pages[@]}"; do
    case "$page" in
    docs/SUMMARY.md) ;;
    docs/*) grep -qxF -- "${page#docs/}" <<<"$listed" || fail "$page is not in docs/SUMMARY.md" ;;
    esac
done

tests=$(git grep -hoE --untracked 'fn i[0-9]+_[a-z0-9_]+' -- '*.rs' | cut -c4-)
named=$(grep -oE '`i[0-9]+_[a-z0-9_]+`' docs/invariants.md | tr -d '`' | sort -u)
[ -n "$named" ] || fail 'docs/invariants.md names no tests'
for name in $named; do
    grep -qxF -- "$name" <<<"$tests" || fail "docs/invariants.md names the test $name, which does not exist"
done

[ "$failed" -eq 0 ] || exit 1
echo "documents hold: ${#pages[@]} pages, $checked links, $paths paths, $(wc -w <<<"$named") tests of invariants"
