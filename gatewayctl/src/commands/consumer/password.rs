//! `gatewayctl consumer password`.

use std::{
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::{registry::v1 as pb, token::read_private};

use crate::{
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::{Exit, Failure},
    output::{consumer::Consumer, text},
};

/// More than any password has, so that one that is too long is refused with the right words.
const MAX: u64 = 4096;

/// Give a consumer a password, which is read from a file or standard input, or take it away
///
/// It is no argument, for what is on the command line other users of the machine can read. What is kept of it is an
/// Argon2id hash.
#[derive(Debug, Args)]
pub struct Password {
    /// Name of the consumer, which is the user name that goes with the password
    pub name: String,
    /// File that holds the password and that no other user may read, or - for standard input; a line end behind it is
    /// not part of it [default: -]
    #[arg(long, env = "GATEWAY_PASSWORD_FILE", value_name = "FILE|-")]
    pub password_file: Option<PathBuf>,
    /// Take his password away
    #[arg(long, env = "GATEWAY_REMOVE", value_parser = BoolishValueParser::new())]
    pub remove: bool,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Password {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, password_file, remove, wait } = self;
        if remove && password_file.is_some() {
            return Err(Failure::exclusive("--remove", "--password-file"));
        }
        let password = if remove { None } else { Some(read(password_file.as_deref())?) };
        let request = pb::SetPasswordRequest { consumer: name, password };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).set_password(request.clone()).await).await?;
        let consumer = Consumer::full(&answer.consumer.unwrap_or_default());
        let revision = consumer.revision.unwrap_or_default();
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let what = if remove { "removed" } else { "set" };
        let line = format!("password of consumer {} {what} (revision {revision})", consumer.name);
        let change = if remove { "password_removed" } else { "password_set" };
        print_change(&context.output, &consumer, change, waited, &text::escape(&line))
    }
}

/// The password in a file, or on standard input.
fn read(file: Option<&Path>) -> Result<String, Failure> {
    let bytes = match file {
        Some(file) if file != Path::new("-") => {
            read_private(file, MAX).map_err(|err| Failure::new(Exit::Failed, format!("--password-file: {err}")))?
        }
        Some(_) | None => read_input()?,
    };
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(Exit::Failed, "the password is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(text.to_owned())
}

fn read_input() -> Result<Vec<u8>, Failure> {
    if io::stdin().is_terminal() {
        let summary = "a terminal would show the password as it is typed";
        return Err(Failure::new(Exit::Usage, summary).hint("name a file with --password-file, or pipe it in"));
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX).read_to_end(&mut bytes);
    read.map_err(|err| Failure::new(Exit::Failed, format!("standard input cannot be read: {err}")))?;
    Ok(bytes)
}
