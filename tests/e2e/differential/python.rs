//! Python's `http.server`, which records what it reads; `recorder.py` beside this file.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    sync::Mutex,
};

use crate::harness::{Process, eventually::within};

pub struct Recorder {
    address: SocketAddr,
    process: Mutex<Process>,
}

impl Recorder {
    /// None, and says so, where there is no Python.
    pub async fn start() -> Option<Self> {
        if Command::new("python3").arg("--version").output().await.is_err() {
            eprintln!("SKIPPED: python3 is not installed on this machine");
            return None;
        }
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/differential/recorder.py"));
        let mut process = Process::spawn("the recorder in Python", command);
        let address = process.json_line().await;
        let address = address.as_str().and_then(|text| text.parse().ok()).expect("it says where it listens");
        Some(Self { address, process: Mutex::new(process) })
    }

    /// The requests in what comes on one connection, in the form of hyper's records.
    pub async fn read(&self, bytes: &[u8]) -> Vec<Value> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let (mut answers, write) = (Vec::new(), async {
            // Python may have closed the connection, and its records tell up to where it read.
            let _ = writer.write_all(bytes).await;
            let _ = writer.shutdown().await;
        });
        let _ = within("Python's answers", async { tokio::join!(reader.read_to_end(&mut answers), write) }).await;
        let mut process = self.process.lock().await;
        let mut records = Vec::new();
        loop {
            match process.json_line().await {
                Value::Null => return records,
                record => records.push(record),
            }
        }
    }
}
