//! Proxies through which relays are reached: SOCKS5, and the `CONNECT` of HTTP. Which one is used for a relay ([`Proxies`]), and how
//! a connection is made through it ([`Proxy::connect`]). The proxy looks up the relay's name.
//!
//! Only connections to relays go through a proxy. Relays of the local network, direct connections, and what this machine's relay
//! takes never do.

mod choice;

use std::{fmt, io, str::FromStr, sync::Arc, time::Duration};

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_socks::{Error as SocksError, tcp::Socks5Stream};
use zeroize::Zeroizing;

use super::{
    segments::Segments,
    socket::{self, ConnectError},
};

pub use choice::{Proxies, ProxyChoice};

/// How long a proxy may take for its part: it has to reach the relay first, and through Tor that takes several seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The most bytes of a proxy's answer to `CONNECT`.
const MAX_ANSWER: usize = 16 * 1024;

/// A proxy: its kind, its address, and the login that it asks for. It is shown without the login.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<Login>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Socks5,
    Http,
    /// What a variable of the environment names, and no proxy that this program can use; the host is the variable's name.
    Unusable,
}

/// A user name and a password. They are wiped from memory when dropped.
#[derive(PartialEq, Eq)]
struct Login {
    user: Zeroizing<String>,
    password: Zeroizing<String>,
}

/// A text that names no proxy of a known kind. It is not repeated, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a proxy is written socks5://HOST:PORT or http://HOST:PORT, with USER:PASSWORD@ before the host if it asks for that"
)]
pub struct BadProxy;

/// Why a proxy is of no help, to follow its address.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It can't be connected to.
    #[error("can't be reached: {0}")]
    Unreachable(io::Error),
    /// Its name has no address.
    #[error("can't be found by its name")]
    NoSuchHost,
    /// It doesn't answer in time, or breaks off.
    #[error("doesn't answer in time")]
    Silent,
    /// It wants a user name and a password, or others.
    #[error("refuses the user name and password, or asks for them")]
    Login,
    /// It refuses to make the connection.
    #[error("refuses the connection ({0})")]
    Refused(String),
    /// It has tried to make the connection in vain.
    #[error("doesn't reach the relay ({0})")]
    Failed(String),
    /// What answers is no proxy of this kind.
    #[error("is not a proxy of this kind")]
    NotAProxy,
    /// The environment names a proxy that this program can't use.
    #[error("in the environment is not one that Caiman can use, which are socks5:// and http://")]
    Unusable,
}

impl Proxy {
    /// Connects to a relay through the proxy. `limit` is how long the proxy may take to accept a connection.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
        segments: Segments,
    ) -> Result<TcpStream, ProxyError> {
        if self.0.kind == Kind::Unusable {
            return Err(ProxyError::Unusable);
        }
        let looked_up = async { Ok(lookup_host((self.0.host.as_str(), self.0.port)).await?.collect()) };
        let stream = socket::connect_to_any(None, looked_up, limit, segments).await;
        let stream = stream.map_err(|error| match error {
            ConnectError::NoSuchHost(_) => ProxyError::NoSuchHost,
            ConnectError::Unreachable(cause) => ProxyError::Unreachable(cause),
        })?;
        let asked = async {
            match self.0.kind {
                Kind::Http => self.ask_http(stream, host, port).await,
                Kind::Socks5 | Kind::Unusable => self.ask_socks(stream, host, port).await,
            }
        };
        timeout(ANSWER_LIMIT, asked).await.unwrap_or(Err(ProxyError::Silent))
    }

    async fn ask_socks(&self, stream: TcpStream, host: &str, port: u16) -> Result<TcpStream, ProxyError> {
        let asked = match &self.0.login {
            None => Socks5Stream::connect_with_socket(stream, (host, port)).await,
            Some(Login { user, password }) => {
                Socks5Stream::connect_with_password_and_socket(stream, (host, port), user, password).await
            }
        };
        asked.map(Socks5Stream::into_inner).map_err(|error| match error {
            SocksError::Io(_) => ProxyError::Silent,
            SocksError::NoAcceptableAuthMethods
            | SocksError::AuthorizationRequired
            | SocksError::InvalidAuthValues(_)
            | SocksError::PasswordAuthFailure(_) => ProxyError::Login,
            SocksError::ConnectionNotAllowedByRuleset | SocksError::CommandNotSupported => {
                ProxyError::Refused(error.to_string())
            }
            SocksError::GeneralSocksServerFailure
            | SocksError::NetworkUnreachable
            | SocksError::HostUnreachable
            | SocksError::ConnectionRefused
            | SocksError::TtlExpired
            | SocksError::AddressTypeNotSupported
            | SocksError::InvalidTargetAddress(_) => ProxyError::Failed(error.to_string()),
            _ => ProxyError::NotAProxy,
        })
    }

    async fn ask_http(&self, mut stream: TcpStream, host: &str, port: u16) -> Result<TcpStream, ProxyError> {
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some(Login { user, password }) = &self.0.login {
            let login = Zeroizing::new(format!("{}:{}", **user, **password));
            let encoded = Zeroizing::new(BASE64.encode(login.as_bytes()));
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&encoded);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|_| ProxyError::Silent)?;
        let mut answer = Vec::new();
        // Byte by byte, because whatever follows the answer is the relay's.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= MAX_ANSWER {
                return Err(ProxyError::NotAProxy);
            }
            answer.push(stream.read_u8().await.map_err(|_| ProxyError::Silent)?);
        }
        match status(&answer).ok_or(ProxyError::NotAProxy)? {
            200..=299 => Ok(stream),
            401 | 407 => Err(ProxyError::Login),
            status @ (502..=504) => Err(ProxyError::Failed(format!("HTTP status {status}"))),
            status => Err(ProxyError::Refused(format!("HTTP status {status}"))),
        }
    }

    /// The proxy's URL with the login, if it is one of HTTP.
    #[cfg(feature = "internet")]
    pub(super) fn http_url(&self) -> Option<Zeroizing<String>> {
        (self.0.kind == Kind::Http).then(|| self.to_url())
    }

    /// The whole URL, with the login.
    pub fn to_url(&self) -> Zeroizing<String> {
        let escape = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        let login = self
            .0
            .login
            .as_ref()
            .map(|login| Zeroizing::new(format!("{}:{}@", escape(&login.user), escape(&login.password))));
        let (scheme, login) = (self.0.kind.scheme(), login.as_ref().map_or("", |login| login.as_str()));
        Zeroizing::new(format!("{scheme}://{login}{}", self.address()))
    }

    fn address(&self) -> String {
        let Parts { host, port, .. } = &*self.0;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// What stands in for a proxy where a variable of the environment names none that can be used.
    fn unusable(variable: &str) -> Self {
        Self(Arc::new(Parts { kind: Kind::Unusable, host: variable.to_owned(), port: 0, login: None }))
    }
}

impl Kind {
    fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http | Self::Unusable => "http",
        }
    }
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (kind, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" | "socks" => (Kind::Socks5, 1080),
            "http" => (Kind::Http, 80),
            _ => return Err(BadProxy),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(Login::read(login)?), address),
            None => (None, rest),
        };
        let (host, port) = if let Some(rest) = address.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(BadProxy)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(BadProxy)?) })
        } else {
            address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)))
        };
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
            return Err(BadProxy);
        }
        let port = match port {
            None => usual_port,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(BadProxy)?,
        };
        Ok(Self(Arc::new(Parts { kind, host: host.to_owned(), port, login })))
    }
}

impl Login {
    fn read(text: &str) -> Result<Self, BadProxy> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |part| {
            let decoded = percent_decode_str(part).decode_utf8().map_err(|_| BadProxy)?;
            Ok(Zeroizing::new(decoded.into_owned()))
        };
        Ok(Self { user: decode(user)?, password: decode(password)? })
    }
}

/// The address alone, or the variable that names no proxy which can be used.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Unusable => f.write_str(&self.0.host),
            Kind::Socks5 | Kind::Http => f.write_str(&self.address()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.0.kind)
            .field("address", &self.to_string())
            .finish_non_exhaustive()
    }
}

/// The status in an answer of HTTP.
fn status(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\r').next()?).ok()?;
    let status = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    status.parse().ok().filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_its_url_and_shown_without_its_login() {
        for (text, shown, url) in [
            ("socks5://127.0.0.1:9050", "127.0.0.1:9050", "socks5://127.0.0.1:9050"),
            ("SOCKS5H://proxy.example", "proxy.example:1080", "socks5://proxy.example:1080"),
            (
                "http://u:p%40ss@proxy.example:3128/",
                "proxy.example:3128",
                "http://u:p%40ss@proxy.example:3128",
            ),
            ("proxy.example:8080", "proxy.example:8080", "http://proxy.example:8080"),
            ("http://[2001:db8::1]:3128", "[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
            ("socks://only@[::1]", "[::1]:1080", "socks5://only:@[::1]:1080"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!((proxy.to_string().as_str(), proxy.to_url().as_str()), (shown, url), "{text}");
            assert_eq!(proxy.to_url().parse(), Ok(proxy.clone()), "{text}");
            assert!(!format!("{proxy:?}").contains('@'), "{proxy:?}");
        }
    }

    #[test]
    fn what_names_no_usable_proxy_is_refused() {
        for text in [
            "",
            "http://",
            "https://proxy:1",
            "socks4://proxy:1",
            "http://a b",
            "http://host:0",
            "http://host:x",
            "http://[::1",
            "http://host/path",
            "http://%ff@host",
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(BadProxy), "{text}");
        }
    }

    #[test]
    fn the_status_of_an_answer_is_read_and_anything_else_is_none() {
        for (answer, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 x\r\nA: b\r\n\r\n", Some(407)),
            ("HTTP/1.1 999 x\r\n\r\n", None),
            ("HTTP/2 200\r\n\r\n", None),
            ("SSH-2.0-x\r\n\r\n", None),
            ("HTTP/1.1\r\n\r\n", None),
        ] {
            assert_eq!(status(answer.as_bytes()), expected, "{answer}");
        }
    }
}
