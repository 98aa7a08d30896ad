//! The gateway's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatewayctl::run()
}
