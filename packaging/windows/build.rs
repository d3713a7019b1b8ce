//! The build script. It gives both Windows programs their icon, what Explorer shows under Properties, and `caiman.manifest`. For
//! other systems it does nothing.

use std::{env, io};

use winresource::WindowsResource;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=packaging/windows");
    println!("cargo:rerun-if-changed=assets/icon/caiman.ico");
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
