# What the scripts of this folder share. Sourced from the folder of the workspace.

# The processors that this process may use, one a line.
processors() {
    awk '/^Cpus_allowed_list:/ {
        count = split($2, parts, ",")
        for (i = 1; i <= count; i++) {
            ends = split(parts[i], range, "-")
            for (cpu = range[1]; cpu <= range[ends]; cpu++) print cpu
        }
    }' /proc/self/status
}

# build BINARIES…: builds them with the profile of releases, into the folder $built. Flags and folders are of this build alone, and
# not of what its binaries have built.
build() {
    echo 'building (profile dist; link-time optimization takes minutes the first time)' >&2
    nice cargo build --quiet --profile dist --package cronflow-access --package bench "${@/#/--bin=}"
    built=${CARGO_TARGET_DIR:-$PWD/target}/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}dist
    how=$([[ ${RUSTFLAGS-} = *profile-use* ]] && echo 'trained (packaging/trained)' || echo 'not trained')
    unset CARGO_TARGET_DIR CARGO_BUILD_TARGET RUSTFLAGS
}

# unlimited_catalog FILE: the catalog with quotas that never run out, of keys, clients and tokens. A measurement is not to be
# limited.
unlimited_catalog() {
    awk -v to='{ limit = 1000000000, window_seconds = 60 }' '
        /^\[/ { kind = $0 }
        kind == "[kinds.production]" && /^quota = / { $0 = "quota = " to; replaced++ }
        kind == "[kinds.client]" && /^(quota|tokens) = / { sub(/=.*/, "= " to); replaced++ }
        { print }
        END { exit replaced != 3 }
    ' policies/catalog.toml >"$1" || { echo 'error: policies/catalog.toml has other quotas than this replaces' >&2; exit 1; }
}
