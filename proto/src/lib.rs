//! The gateway's gRPC contracts, and what both planes must read the same way.
//!
//! Generated types stay at the edges of the programs: each program converts them to its own types
//! as they come in, and nothing behind that conversion sees them.

pub mod access;
pub mod api_key;
pub mod code;
pub mod host;
pub mod local;
pub mod name;
pub mod network;
pub mod pem;
pub mod process;
mod redacted;
mod secret;
pub mod size;
pub mod token;
pub mod violation;

/// The desired state.
pub mod registry {
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("gateway.registry.v1");
    }
}

/// The snapshot stream.
pub mod discovery {
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("gateway.discovery.v1");
    }
}

/// What is observed.
pub mod admin {
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("gateway.admin.v1");
    }
}

/// Tokens.
pub mod auth {
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("gateway.auth.v1");
    }
}

/// The descriptors of every proto, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Version and commit, as every program's `--version` prints them.
pub const BUILD: &str = env!("GATEWAY_BUILD");

/// Into how many buckets the names of a snapshot are cut for resynchronisation.
pub const DIGEST_BUCKETS: usize = 1024;
