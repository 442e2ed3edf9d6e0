#!/bin/bash
# The layers hold: no include upwards, no call upwards that links, nothing big or made is tracked.
# Ends in "N passed, N failed".
set -u
cd "$(dirname "$0")/.."

layers=(core config transport health discovery sidecar) # each may use those before it
passed=0
failed=0
out=build/layers
mkdir -p $out

check() { # WHAT COMMAND...: the command's output is the complaint
    local what=$1 complaint
    shift
    if complaint=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n%s\n' "$what" "$complaint"
    fi
}

sources() { # LAYER
    case $1 in
        core) ls sidecar/core/*.[ch] ;;
        *)    ls "$1"/*.[ch] 2>/dev/null ;;
    esac
}

includes_of() { # LAYER: a pattern for the includes of its headers
    case $1 in
        core)    echo '#include "sidecar/core/' ;;
        sidecar) echo '#include "sidecar/[^/]*"' ;;
        *)       echo "#include \"$1/" ;;
    esac
}

no_include() { # OF FROM
    local found
    found=$(sources "$2" | xargs -r grep -n "$(includes_of "$1")")
    [ -z "$found" ] || { echo "$found"; return 1; }
}

make -s -j"$(nproc)" build/release/csidecar || { echo "0 passed, 1 failed"; exit 1; }
libraries=$(make -s show VAR=LDLIBS)
llhttp=$(make -s show VAR=LLHTTP_OBJECTS)

archives() { # LAYER: its own and those below
    make -s show VAR="LIB_$1" | xargs -n 1 | sed 's|^|build/release/|'
}

function_of() { # LAYER: some function it offers
    nm -g --defined-only "build/release/$1.a" 2>/dev/null | sed -n 's/.* T //p' | head -n 1
}

# A program of layer $1 that calls a function of layer $2.
link_call() {
    printf 'void %s(void);\nint main(void) { %s(); return 0; }\n' "$(function_of "$2")" "$(function_of "$2")" \
        >"$out/call.c"
    # shellcheck disable=SC2046,SC2086 # lists of words
    gcc -w -fno-builtin -o "$out/call" "$out/call.c" $(archives "$1") $llhttp $libraries
}

does_not_link() { # LOWER UPPER
    link_call "$1" "$2" >"$out/call.log" 2>&1 && { echo "$(function_of "$2")() was called from $1"; return 1; }
    grep -q "undefined reference to .$(function_of "$2")'" "$out/call.log" || { cat "$out/call.log"; return 1; }
}

# All of the layer, whoever needs it, against those below alone.
links_whole() { # LAYER
    echo 'int main(void) { return 0; }' >"$out/whole.c"
    # shellcheck disable=SC2046,SC2086
    gcc -o "$out/whole" "$out/whole.c" -Wl,--whole-archive "build/release/$1.a" -Wl,--no-whole-archive \
        $(archives "$1" | tail -n +2) $llhttp $libraries
}

tracked() {
    git ls-files 2>/dev/null || find . -type f -not -path './build/*' -not -path './.git/*' -not -path '*/node_modules/*' -not -path '*/.venv/*'
}

nothing_big() {
    local big
    big=$(tracked | while read -r file; do [ "$(stat -c %s "$file" 2>/dev/null || echo 0)" -le 150000 ] || echo "$file"; done)
    [ -z "$big" ] || { echo "over 150 KB: $big"; return 1; }
}

nothing_made() {
    local made
    made=$(tracked | grep -E '\.(o|a|d|so|pyc|gcda|gcno|log|tgz|tar|gz|zip|whl)$|-pb-c\.[ch]$|\.pb-c\.[ch]$|(^|/)(node_modules|venv|\.venv|__pycache__|build|corpus-found)/|(^|/)package-lock\.json$')
    [ -z "$made" ] || { echo "made, not written: $made"; return 1; }
}

no_programs() {
    local programs
    programs=$(tracked | while read -r file; do [ "$(head -c 4 "$file" 2>/dev/null | tr -d '\0')" != $'\x7fELF' ] || echo "$file"; done)
    [ -z "$programs" ] || { echo "a compiled program: $programs"; return 1; }
}

for layer in "${layers[@]}"; do
    [ -n "$(function_of "$layer")" ] || { echo "note: $layer has no function yet"; continue; }
    check "a call from $layer to itself links" link_call "$layer" "$layer"
    check "all of $layer needs nothing above it" links_whole "$layer"
done
for ((upper = 1; upper < ${#layers[@]}; upper++)); do
    for ((lower = 0; lower < upper; lower++)); do
        from=${layers[lower]} of=${layers[upper]}
        check "$from includes nothing of $of" no_include "$of" "$from"
        [ -z "$(function_of "$of")" ] || check "a call from $from up to $of does not link" does_not_link "$from" "$of"
    done
done
check "no large file is tracked" nothing_big
check "nothing made is tracked" nothing_made
check "no compiled program is tracked" no_programs
echo "$passed passed, $failed failed"
[ $failed = 0 ]
