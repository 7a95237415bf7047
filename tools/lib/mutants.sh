# shellcheck shell=bash
# A copy of the tree into which faults are put, one after the other. Sourced by tools/mutate and
# tools/planted; not a program.

# Set by whoever sources this: the top of the repository.
: "${root:?}"
copy="$root/build/mutants"
mutants_log="$root/build/mutants.log"

# Only what differs is written, and so newer than what was built of it: little is built again, and
# nothing that was built of a fault stays.
copy_tree() {
  mkdir -p "$copy"
  local file
  while IFS= read -r -d '' file; do
    cmp -s "$root/$file" "$copy/$file" && continue
    mkdir -p "$(dirname "$copy/$file")"
    cp "$root/$file" "$copy/$file"
  done < <(cd "$root" && git ls-files -z)
  comm -13 <(cd "$root" && git ls-files stack tests tools | sort) \
    <(cd "$copy" && find stack tests tools -type f | sort) | (cd "$copy" && xargs -r -d '\n' rm)
  (cd "$copy" && cmake --preset dev -DTUNTCP_TESTS=ON) >"$mutants_log" 2>&1
}

# build_mutant TARGET...
build_mutant() {
  if ! (cd "$copy" && cmake --build --preset dev --target "$@") >"$mutants_log" 2>&1; then
    tail -n 40 "$mutants_log" >&2
    echo "does not build (all of the output is in $mutants_log)" >&2
    exit 1
  fi
}

# plant PATCH, uproot PATCH: a path below the top of the repository.
plant() {
  patch --quiet --no-backup-if-mismatch -p1 -d "$copy" <"$root/$1"
}
uproot() {
  patch --quiet --no-backup-if-mismatch -p1 -R -d "$copy" <"$root/$1"
}

# names_of FOLDER: its patches, in order of their numbers.
names_of() {
  (cd "$root/$1" && printf '%s\n' ./*.patch) | sed 's|^\./||; s|\.patch$||' | sort -V
}
