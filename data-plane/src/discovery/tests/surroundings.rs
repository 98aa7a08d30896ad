//! What stands around a data plane's discovery: its workers, and the network.

use std::{net::SocketAddr, sync::Arc};

use http::Uri;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{
    table::RoutingTable,
    worker::fleet::{Fleet, Swap},
};

/// A fleet of one worker, and the table that its worker holds.
pub(crate) fn fleet() -> (Fleet, watch::Receiver<Arc<RoutingTable>>) {
    let (swaps, mut receiver) = mpsc::channel::<Swap>(1);
    let (sender, tables) = watch::channel(Arc::default());
    tokio::spawn(async move {
        while let Some(Swap { table, held }) = receiver.recv().await {
            sender.send_replace(table);
            let _ = held.send(());
        }
    });
    (Fleet::new(vec![swaps]), tables)
}

/// A way to this address that passes nothing on once it is frozen, and closes nothing either.
pub(crate) async fn relay(to: SocketAddr) -> (Uri, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let freeze = CancellationToken::new();
    let frozen = freeze.clone();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            () = frozen.cancelled() => {}
            _ = copy_bidirectional(&mut client, &mut server) => {}
        }
        std::future::pending::<()>().await;
    });
    (uri, freeze)
}
