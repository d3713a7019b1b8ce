//! How much of a limited resource of the relay is in use, and how clients share it. Pure.
//!
//! An address has a share, and so has a network. Beyond what one transfer takes, neither may hold more than is left for everybody
//! else. So the shares shrink as more networks want all they can get: one is left a half at most, nine a tenth each, and in each
//! case there is as much left as one of them holds.

use std::collections::HashMap;

use super::origin::{AddressKey, ClientOrigin};

/// The amounts that are shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amounts {
    /// All that there is.
    pub(super) whole: u64,
    /// The most that one address may hold.
    pub(super) per_address: u64,
    /// The most that the addresses of one network may hold together.
    pub(super) per_network: u64,
    /// As much as each may hold for as long as there is any.
    pub(super) modest: u64,
}

/// Why something can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// The relay has no more.
    OfAll,
    /// The address or the network holds its share.
    OfShare,
}

/// What is in use, in all and by each address and network.
pub(super) struct Shares {
    amounts: Amounts,
    used: u64,
    held: HashMap<AddressKey, u64>,
}

impl Shares {
    /// Nothing in use.
    pub(super) fn new(amounts: Amounts) -> Self {
        Self { amounts, used: 0, held: HashMap::new() }
    }

    /// Takes as much as this. Every success is followed by one [`Shares::give_back`] of the same.
    pub(super) fn take(&mut self, origin: ClientOrigin, amount: u64) -> Result<(), Lack> {
        let Amounts { whole, per_address, per_network, modest } = self.amounts;
        let used = self.used.checked_add(amount).filter(|used| *used <= whole).ok_or(Lack::OfAll)?;
        let fair = modest.max(whole - used);
        for (key, share) in [(origin.address, per_address), (origin.network, per_network)] {
            let holds = self.held.get(&key).copied().unwrap_or_default().saturating_add(amount);
            if holds > share.min(fair) {
                return Err(Lack::OfShare);
            }
        }
        self.used = used;
        for key in [origin.address, origin.network] {
            *self.held.entry(key).or_default() += amount;
        }
        Ok(())
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, origin: ClientOrigin, amount: u64) {
        self.used = self.used.saturating_sub(amount);
        for key in [origin.address, origin.network] {
            if let Some(held) = self.held.get_mut(&key) {
                *held = held.saturating_sub(amount);
                if *held == 0 {
                    self.held.remove(&key);
                }
            }
        }
    }

    /// How much is in use.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Whether this many eighths of all that there is, or more, are in use.
    pub(super) fn is_used_to(&self, eighths: u64) -> bool {
        self.used.saturating_mul(8) >= self.amounts.whole.saturating_mul(eighths)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn origin(address: &str) -> ClientOrigin {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn shares(whole: u64, per_address: u64, per_network: u64, modest: u64) -> Shares {
        Shares::new(Amounts { whole, per_address, per_network, modest })
    }

    /// How often each of `origins` gets one more, in turns, until none gets any.
    fn take_all(shares: &mut Shares, origins: &[ClientOrigin]) -> Vec<u64> {
        let mut counts = vec![0; origins.len()];
        loop {
            let before = counts.clone();
            for (origin, count) in origins.iter().zip(&mut counts) {
                *count += u64::from(shares.take(*origin, 1).is_ok());
            }
            if counts == before {
                return counts;
            }
        }
    }

    #[test]
    fn an_address_and_a_network_have_their_shares() {
        let mut shares = shares(1000, 10, 25, 1);
        let hosts: Vec<_> = (1..=5).map(|host| origin(&format!("192.0.2.{host}"))).collect();
        assert_eq!(take_all(&mut shares, &hosts[..1]), [10]);
        assert_eq!(take_all(&mut shares, &hosts).iter().sum::<u64>(), 15);
        assert_eq!(shares.take(hosts[0], 1), Err(Lack::OfShare));
        assert_eq!(shares.take(origin("198.51.100.1"), 10), Ok(()));
        assert_eq!(shares.used(), 35);
    }

    #[test]
    fn whoever_wants_all_is_left_as_much_as_is_left_for_others() {
        for networks in [1, 9, 99] {
            let mut shares = shares(10_000, 10_000, 10_000, 1);
            let greedy: Vec<_> = (0..networks).map(|number| origin(&format!("10.0.{number}.1"))).collect();
            let each = take_all(&mut shares, &greedy);
            let fair = 10_000 / (networks + 1);
            assert!(each.iter().all(|count| count.abs_diff(fair) <= 1), "{networks}: {each:?}");
            assert!(take_all(&mut shares, &[origin("192.0.2.1")])[0] >= fair / 2);
        }
    }

    #[test]
    fn what_one_transfer_takes_is_had_as_long_as_there_is_any() {
        let mut shares = shares(100, 100, 100, 40);
        assert_eq!(take_all(&mut shares, &[origin("192.0.2.1")]), [50]);
        assert_eq!(take_all(&mut shares, &[origin("198.51.100.1")]), [40]);
        assert_eq!(take_all(&mut shares, &[origin("203.0.113.1")]), [10]);
        assert_eq!(shares.take(origin("203.0.113.1"), 1), Err(Lack::OfAll));
        assert_eq!(shares.take(origin("203.0.113.1"), u64::MAX), Err(Lack::OfAll));
    }

    #[test]
    fn what_is_given_back_leaves_nothing_behind() {
        let mut shares = shares(100, 100, 100, 100);
        shares.take(origin("192.0.2.1"), 60).unwrap();
        assert!(shares.is_used_to(4) && !shares.is_used_to(7));
        shares.give_back(origin("192.0.2.1"), 60);
        assert!(shares.held.is_empty() && shares.used() == 0 && !shares.is_used_to(1));
    }
}
