//! The reference for many small files: `tar` on both sides of one TCP connection, without anything in between.

use std::{
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Command, Stdio},
    time::Instant,
};

use super::{Contestant, Run, process::Running, site::Site};

pub(crate) fn contestants() -> Vec<Contestant> {
    vec![Contestant { name: "tar over TCP".to_owned(), run: Box::new(transfer) }]
}

fn transfer(site: &Site) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sending = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let receiving = listener.accept().unwrap().0;
    let stdio = |stream: TcpStream| Stdio::from(OwnedFd::from(stream));
    let started = Instant::now();
    let mut unpack = Command::new("tar");
    unpack.args(["xf", "-", "-C"]).arg(site.target()).stdin(stdio(receiving));
    let receiver = Running::start("receiver", &mut unpack);
    drop(unpack);
    let source = site.source();
    let mut pack = Command::new("tar");
    pack.args(["cf", "-", "-C"]).arg(source.parent().unwrap()).arg(source.file_name().unwrap());
    let sender = Running::start_into("sender", &mut pack, stdio(sending));
    drop(pack);
    let (sender, _) = sender.end();
    let (receiver, _) = receiver.end();
    let seconds = started.elapsed().as_secs_f64();
    let processes = vec![("sender", sender), ("receiver", receiver)];
    Run { seconds, processes, ..Run::default() }
}
