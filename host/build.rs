//! Embeds the guest SDK anew whenever a file of it comes, goes or changes.

fn main() {
    println!("cargo::rerun-if-changed=../sdk-guest");
}
