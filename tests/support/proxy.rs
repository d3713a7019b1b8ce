//! [`TestProxy`]: as much of a SOCKS5 and an HTTP proxy as a client of a relay needs. It knows one name that no name service knows.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// The name under which this proxy knows this computer.
pub const NAME: &str = "relay.test";

/// A proxy on 127.0.0.1, until it is dropped.
pub struct TestProxy {
    pub addr: SocketAddr,
    /// What it was asked for.
    asked: watch::Sender<Vec<String>>,
    accepting: JoinHandle<()>,
}

/// What a proxy does for its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It connects to this computer.
    Connect,
    /// Connects clients that log in as `ada` with the password `p@ss`.
    AskWho,
    /// It refuses everything.
    Refuse,
}

impl TestProxy {
    pub async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = watch::Sender::default();
        let asking = asked.clone();
        let accepting = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let asking = asking.clone();
                // A client that leaves early is no concern of the proxy.
                clients.spawn(async move { serve(client, does, &asking).await.ok() });
            }
        });
        Self { addr, asked, accepting }
    }

    /// What it was asked for, as `HOST:PORT`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, does: Does, asked: &watch::Sender<Vec<String>>) -> std::io::Result<()> {
    let connects = match client.read_u8().await? {
        5 => socks(&mut client, does, asked).await?,
        _ => http(&mut client, does, asked).await?,
    };
    if let Some(port) = connects {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

async fn socks(
    client: &mut TcpStream,
    does: Does,
    asked: &watch::Sender<Vec<String>>,
) -> std::io::Result<Option<u16>> {
    let methods = text(client).await?;
    let method = if does == Does::AskWho { 2 } else { 0 };
    if !methods.contains(&method) {
        client.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    client.write_all(&[5, method]).await?;
    if does == Does::AskWho {
        assert_eq!(client.read_u8().await?, 1);
        let who = (text(client).await?, text(client).await?);
        let is_known = who == (b"ada".to_vec(), b"p@ss".to_vec());
        client.write_all(&[1, u8::from(!is_known)]).await?;
        if !is_known {
            return Ok(None);
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    assert_eq!(request, [5, 1, 0, 3], "a name is looked up here, by the proxy");
    let host = String::from_utf8(text(client).await?).unwrap();
    let port = client.read_u16().await?;
    asked.send_modify(|asked| asked.push(format!("{host}:{port}")));
    let answer = match does {
        Does::Refuse => 2,
        _ if host != NAME => 4,
        _ => 0,
    };
    client.write_all(&[5, answer, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok((answer == 0).then_some(port))
}

async fn text(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut text = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut text).await?;
    Ok(text)
}

async fn http(
    client: &mut TcpStream,
    does: Does,
    asked: &watch::Sender<Vec<String>>,
) -> std::io::Result<Option<u16>> {
    let mut head = vec![b'C'];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    assert!(head.starts_with("CONNECT ") && head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
    let (host, port) = target.rsplit_once(':').unwrap();
    let answer = match does {
        Does::Refuse => "403 Forbidden",
        // `ada:p@ss`
        Does::AskWho if !head.contains("\r\nProxy-Authorization: Basic YWRhOnBAc3M=\r\n") => {
            "407 Who are you"
        }
        _ if host != NAME => "502 Bad Gateway",
        _ => "200 Here you are",
    };
    asked.send_modify(|asked| asked.push(target.clone()));
    client.write_all(format!("HTTP/1.1 {answer}\r\nServer: test\r\n\r\n").as_bytes()).await?;
    Ok(answer.starts_with("200").then(|| port.parse().unwrap()))
}
