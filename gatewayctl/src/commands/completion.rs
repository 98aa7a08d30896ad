//! `gatewayctl completion`.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{generate, shells};

use crate::{cli::Cli, exit::Failure, output};

/// Print a completion script, for example: gatewayctl completion bash > /etc/bash_completion.d/gatewayctl
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells there are scripts for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// Fish.
    Fish,
}

impl Completion {
    /// Prints the script.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let mut command = Cli::command();
        let mut script = Vec::new();
        match self.shell {
            Shell::Bash => generate(shells::Bash, &mut command, "gatewayctl", &mut script),
            Shell::Zsh => generate(shells::Zsh, &mut command, "gatewayctl", &mut script),
            Shell::Fish => generate(shells::Fish, &mut command, "gatewayctl", &mut script),
        }
        output::write(&String::from_utf8_lossy(&script))
    }
}
