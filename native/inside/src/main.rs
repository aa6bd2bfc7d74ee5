fn main() {
    println!("glovebox-inside {}", env!("CARGO_PKG_VERSION"));
}
