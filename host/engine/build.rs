//! Embeds the shipped policies anew whenever a file of theirs comes, goes or changes.

fn main() {
    println!("cargo::rerun-if-changed=../../policies");
}
