//! The build script. It packs the notices that the window shows under "Licences", and gives both Windows programs their icon, what
//! Explorer shows under Properties, and `caiman.manifest`.

use std::{env, io};

use winresource::WindowsResource;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=packaging/windows");
    println!("cargo:rerun-if-changed=assets/icon/caiman.ico");
    println!("cargo:rerun-if-changed=assets/third-party.txt");
    #[cfg(feature = "gui")]
    pack_notices()?;
    if env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return Ok(());
    }
    for program in ["caiman", "caimanw"] {
        // The version is that of Cargo.toml.
        WindowsResource::new()
            .set_icon("assets/icon/caiman.ico")
            .set_manifest_file("packaging/windows/caiman.manifest")
            .set("ProductName", "Caiman")
            // What Explorer and the task manager call the program.
            .set("FileDescription", "Caiman")
            .set("CompanyName", "The Caiman authors")
            .set("LegalCopyright", "MIT or Apache-2.0")
            .set("OriginalFilename", &format!("{program}.exe"))
            .compile_for(program)?;
    }
    Ok(())
}

/// Packs `assets/third-party.txt` for `src/app/about.rs`.
#[cfg(feature = "gui")]
fn pack_notices() -> io::Result<()> {
    /// The smallest result.
    const LEVEL: u8 = 10;
    let text = std::fs::read("assets/third-party.txt")?;
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&text, LEVEL);
    let folder = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    std::fs::write(std::path::Path::new(&folder).join("third-party.zlib"), packed)
}
