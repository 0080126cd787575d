#!/usr/bin/env bash
# Installs libbrain into an empty folder, builds examples/hello.c against what lies there, once with
# the shared and once with the static library, and runs both; and plasma_store, which was installed
# as well.
#
# usage: test_install.sh SOURCE_ROOT BUILD_ROOT
set -euo pipefail

source_root=$1
build_root=$2

# meson points it at the build folder: the installed library is what counts here.
unset LD_LIBRARY_PATH

# Not below the build folder: pkg-config's output is split at spaces, which that path may contain.
work=$(mktemp -d /tmp/brain-install.XXXXXX)
store=$work/store
trap 'remove_store; rm -rf "$work"' EXIT

# Where a program failed half-way, its store is still there: a link, and a folder on /dev/shm.
keeper=
remove_store() {
    if [ -n "$keeper" ]; then kill -9 "$keeper" 2>/dev/null || true; fi
    if [ -L "$store" ]; then
        rm -rf "$(readlink -f "$store")"
    fi
}

fail() {
    echo "test_install: $*" >&2
    exit 1
}

check_output() {
    local got
    got=$("$1" "$store") || fail "$1 exited with $?"
    [ "$got" = "hello from shared memory" ] || fail "$1 printed: $got"
    if [ -e "$store" ] || [ -L "$store" ]; then fail "$1 left its store behind"; fi
}

meson install -C "$build_root" --destdir "$work/root" --no-rebuild --quiet
library=$(find "$work/root" -name libbrain.a)
[ -n "$library" ] || fail "no static library was installed"
libdir=$(dirname "$library")

export PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig
read -ra cc <<<"${CC:-cc}"
read -ra cflags <<<"$(pkg-config --cflags libbrain)"

# Nothing but the public names may be visible to a program.
strangers=$(nm -D --defined-only "$libdir/libbrain.so" | awk '$2 != "A" { print $3 }' |
    grep -v '^brain_' || true)
[ -z "$strangers" ] || fail "the shared library exports: $strangers"

strangers=$(nm -D --defined-only "$libdir/libbrain_disk.so" | awk '$2 != "A" { print $3 }' |
    grep -v '^brain_' || true)
[ -z "$strangers" ] || fail "the library for disks exports: $strangers"

# Any other header of ours beside them would mean that the public ones are not enough.
headers=$(find "$work/root" -name '*.h' -printf '%f ' | xargs -n 1 | sort | xargs)
[ "$headers" = "brain.h brain_disk.h" ] || fail "installed headers: $headers"

read -ra libs <<<"$(pkg-config --libs libbrain)"
"${cc[@]}" -std=c11 -Wall -Wextra -pedantic "${cflags[@]}" "$source_root/examples/hello.c" \
    -o "$work/hello-shared" "${libs[@]}" -Wl,-rpath,"$libdir"
check_output "$work/hello-shared"
"${cc[@]}" -std=c11 -Wall -Wextra -pedantic "${cflags[@]}" "$source_root/examples/values.c" \
    -o "$work/values" "${libs[@]}" -Wl,-rpath,"$libdir"

# What goes to disks is a library of its own, which needs others of the system's.
system_path=$(env -u PKG_CONFIG_LIBDIR -u PKG_CONFIG_SYSROOT_DIR pkg-config --variable pc_path pkg-config)
disk_config() { PKG_CONFIG_LIBDIR=$libdir/pkgconfig:$system_path pkg-config "$@" libbrain_disk; }
read -ra disk_cflags <<<"$(disk_config --cflags)"
check_kept() {
    local got kept=$work/kept
    mkdir "$kept"
    store=$kept/store
    got=$("$1" "$kept") || fail "$1 exited with $?"
    [ "$got" = $'after a dump: hello from the disk\nafter a sync: hello from the disk' ] || fail "$1 printed: $got"
    rm -r "$kept"
    store=$work/store
}
read -ra libs <<<"$(disk_config --libs)"
"${cc[@]}" -std=c11 -Wall -Wextra -pedantic "${disk_cflags[@]}" "$source_root/examples/keep.c" \
    -o "$work/keep-shared" "${libs[@]}" -Wl,-rpath,"$libdir"
check_kept "$work/keep-shared"

# With the shared library gone the same line takes the static one.
rm "$libdir"/libbrain.so* "$libdir"/libbrain_disk.so*
read -ra libs <<<"$(pkg-config --libs --static libbrain)"
"${cc[@]}" -std=c11 -Wall -Wextra -pedantic "${cflags[@]}" "$source_root/examples/hello.c" \
    -o "$work/hello-static" "${libs[@]}"
check_output "$work/hello-static"
read -ra libs <<<"$(disk_config --libs --static)"
"${cc[@]}" -std=c11 -Wall -Wextra -pedantic "${disk_cflags[@]}" "$source_root/examples/keep.c" \
    -o "$work/keep-static" "${libs[@]}"
check_kept "$work/keep-static"

# By now there is no shared library: the program needs none. It says when its store is there.
plasma_store=$(find "$work/root" -name plasma_store -type f)
[ -n "$plasma_store" ] || fail "no plasma_store was installed"
mkfifo "$work/words"
"$plasma_store" -m 5000000 -s "$store" 2>"$work/words" &
keeper=$!
read -r line <"$work/words" || fail "plasma_store said nothing"
[[ $line == *" ready: $store holds 5000000 bytes, in "* ]] || fail "plasma_store said: $line"
kill "$keeper"
wait "$keeper" || fail "plasma_store exited with $?"
keeper=
if [ -e "$store" ] || [ -L "$store" ]; then fail "plasma_store left its store behind"; fi

# The command is there where jansson and ncurses are; of itself it needs no library of ours either.
brain=$(find "$work/root" -path '*/bin/brain' -type f)
if [ -n "$brain" ]; then
    "$brain" -s "$store" create --capacity 5M >"$work/created" || fail "brain create exited with $?"
    printf 'hello\nagain' | "$brain" -s "$store" put greeting || fail "brain put exited with $?"
    [ "$("$brain" -s "$store" get greeting)" = $'hello\nagain' ] || fail "brain get printed something else"
    "$brain" -s "$store" destroy --yes || fail "brain destroy exited with $?"
    if [ -e "$store" ] || [ -L "$store" ]; then fail "brain destroy left its store behind"; fi
    for file in man/man1/brain.1 bash-completion/completions/brain.bash zsh/site-functions/_brain \
        fish/vendor_completions.d/brain.fish; do
        [ -n "$(find "$work/root" -path "*/share/$file" -size +1k)" ] || fail "no share/$file was installed"
    done
fi

echo "installed, built and ran with the shared and with the static library"
