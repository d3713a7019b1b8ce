# The daily commands, for `just` (the program of that name; optional: every line below also works by hand).
# `just` lists them. What is typed behind a name goes on to the command: `just test places`.

set positional-arguments

# List these commands.
default:
    @just --list --unsorted

# Run a debug build of the program: `just run`, `just run send FILE`.
run *args:
    cargo run --locked -- "$@"

# Run all tests that need no display, or those whose names contain a word.
test *args:
    cargo test --locked "$@"

# Run the tests of the program without its window, as servers have it.
headless *args:
    cargo test --locked --no-default-features --features internet,croc "$@"

# Run the tests over real sockets and files; `just integration places` runs one file of them.
integration *args:
    cargo test --locked --test integration "$@"

# Run the tests in a real window (Linux; needs Xvfb and openbox).
window *args:
    cargo test --locked --test window "$@"

# Run every decoder over its seeds and some thousand mutations.
fuzz-smoke *args:
    cargo test --locked --test fuzz "$@"

# Fuzz one target until it is stopped (needs nightly Rust and cargo-fuzz).
fuzz target *args:
    cargo +nightly fuzz run "$@"

# Format the code.
fmt:
    cargo fmt

# Check format and lints, with the window and without it.
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --all-targets --no-default-features --features internet,croc -- -D warnings

# Build the documentation, of private items too; `just docs --open` shows it.
docs *args:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items "$@"

# Do everything that a change has to pass.
ci:
    .ci/run

# Measure whole transfers beside plain copies (Unix); `just bench --quick` takes some seconds.
bench *args:
    cargo bench --locked --no-default-features --bench transfer -- "$@"

# Measure single parts: sealing, hashing, planning.
pieces *args:
    cargo bench --locked --no-default-features --bench pieces -- "$@"

# Make the notices of what others made anew, after a change of the dependencies (needs cargo-about).
notices:
    cargo fetch --locked
    packaging/notices/make.py

# Make what is released, or some of it, into dist/: `just release linux packages`.
release *parts:
    packaging/release.sh "$@"

# Ask whether a dependency has a known vulnerability (needs cargo-deny and the network).
advisories:
    cargo deny check advisories

# Check the workflow files (needs actionlint; with shellcheck it checks their scripts too).
workflows:
    actionlint
