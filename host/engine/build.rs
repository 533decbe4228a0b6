//! Embeds the shipped policies anew whenever a file of theirs comes, goes or changes.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=../../policies");
}
