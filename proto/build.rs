//! Compiles the protos without a system `protoc`.

use std::{env, fs, path::PathBuf, process::Command};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = [
        "gateway/registry/v1/registry.proto",
        "gateway/discovery/v1/discovery.proto",
        "gateway/admin/v1/admin.proto",
        "gateway/auth/v1/auth.proto",
    ];
    println!("cargo:rerun-if-changed=gateway");
    let descriptors = protox::compile(protos, ["."])?;
    // gRPC reflection serves these.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let builder = tonic_prost_build::configure().build_client(true).build_server(true);
    // What has a secret in it is shown by `src/redacted.rs`.
    let secret = [
        ".gateway.registry.v1.SetPasswordRequest",
        ".gateway.registry.v1.CreateKeyResponse",
        ".gateway.discovery.v1.Consumer",
        ".gateway.discovery.v1.ApiKey",
        ".gateway.auth.v1.CreateTokenResponse",
    ];
    builder.skip_debug(secret).compile_fds(descriptors)?;
    println!("cargo:rustc-env=GATEWAY_BUILD={}", build_name());
    Ok(())
}

/// The version, and the commit where it is known: from the environment (an image is built without
/// its repository), else from git.
fn build_name() -> String {
    println!("cargo:rerun-if-env-changed=GATEWAY_COMMIT");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = env::var("GATEWAY_COMMIT").ok().filter(|commit| !commit.is_empty()).or_else(|| {
        println!("cargo:rerun-if-changed=../.git/logs/HEAD");
        let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    });
    match commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    }
}
