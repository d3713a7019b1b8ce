//! What an operator can set for clients that have croc.

use std::str::FromStr;

use crate::{
    croc::{
        client::MAX_HOSTED_LANES,
        code::{USUAL_PASSWORD, USUAL_PORT},
    },
    net::access::AccessPassword,
    relay::ports::{BadPorts, Ports},
};

/// Where and how a relay serves clients that have croc.
#[derive(Clone)]
pub struct CrocConfig {
    /// Where it listens for them.
    pub ports: CrocPorts,
    /// The password that every client must know. croc's own clients use `pass123` unless their user names another one.
    pub password: AccessPassword,
}

impl Default for CrocConfig {
    fn default() -> Self {
        Self { ports: CrocPorts::default(), password: USUAL_PASSWORD.into() }
    }
}

/// The ports for clients that have croc, written as [`Ports`] are: the control port, then one to eight data ports; 0 lets the system
/// choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrocPorts(Vec<u16>);

/// Text that is not a list of ports with which croc's clients can do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCrocPorts {
    /// It is no list of ports.
    #[error(transparent)]
    NoPorts(#[from] BadPorts),
    /// One port, or more than nine.
    #[error("croc needs two ports, and can use nine at most")]
    WrongCount,
}

impl CrocPorts {
    /// The control port and the data ports.
    ///
    /// # Errors
    ///
    /// There are fewer than two ports, or more than nine.
    pub fn new(ports: Vec<u16>) -> Result<Self, BadCrocPorts> {
        if (2..=1 + MAX_HOSTED_LANES).contains(&ports.len()) {
            Ok(Self(ports))
        } else {
            Err(BadCrocPorts::WrongCount)
        }
    }

    /// The control port first.
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }
}

impl Default for CrocPorts {
    fn default() -> Self {
        Self((USUAL_PORT..=USUAL_PORT + 4).collect())
    }
}

impl FromStr for CrocPorts {
    type Err = BadCrocPorts;

    fn from_str(text: &str) -> Result<Self, BadCrocPorts> {
        let Ports(ports) = text.parse()?;
        Self::new(ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn croc_gets_a_control_port_and_one_to_eight_data_ports() {
        assert_eq!("9009-9013".parse(), Ok(CrocPorts::default()));
        assert_eq!("0,0".parse::<CrocPorts>().unwrap().as_slice(), [0, 0]);
        assert!("9009-9017".parse::<CrocPorts>().is_ok());
        for text in ["none", "9009", "9009-9018"] {
            assert_eq!(text.parse::<CrocPorts>(), Err(BadCrocPorts::WrongCount), "{text}");
        }
    }
}
