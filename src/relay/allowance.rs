//! How often each address and each network may do something. Pure: the caller brings the clock.

use std::{collections::HashMap, time::Duration};

use super::{
    bucket::TokenBucket,
    config::NETWORK_FACTOR,
    origin::{AddressKey, ClientOrigin},
};

/// The most addresses, and the most networks, that are remembered; about a hundred bytes each.
const REMEMBERED: usize = 16_384;
const MINUTE: Duration = Duration::from_mins(1);

/// A number of times in a minute for each address, which may also be used at once, and several times as many for each network.
pub(super) struct Allowance {
    addresses: Buckets,
    networks: Buckets,
}

impl Allowance {
    /// Nothing used yet. With 0, everything is refused.
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            addresses: Buckets::new(per_minute),
            networks: Buckets::new(per_minute.saturating_mul(NETWORK_FACTOR)),
        }
    }

    /// Counts one time if both the address and the network may, and says whether they may.
    pub(super) fn take(&mut self, origin: ClientOrigin, now: Duration) -> bool {
        if !self.addresses.take(origin.address, now) {
            return false;
        }
        let granted = self.networks.take(origin.network, now);
        if !granted {
            self.addresses.give_back(origin.address);
        }
        granted
    }

    /// Takes back one time that was counted.
    pub(super) fn give_back(&mut self, origin: ClientOrigin) {
        self.addresses.give_back(origin.address);
        self.networks.give_back(origin.network);
    }
}

struct Buckets {
    /// What one time costs, or `None` if there is none.
    cost: Option<Duration>,
    by_key: HashMap<AddressKey, TokenBucket>,
}

impl Buckets {
    fn new(per_minute: u32) -> Self {
        Self { cost: MINUTE.checked_div(per_minute), by_key: HashMap::new() }
    }

    fn take(&mut self, key: AddressKey, now: Duration) -> bool {
        let Some(cost) = self.cost else { return false };
        self.forget_if_crowded(now);
        self.by_key.entry(key).or_insert_with(|| TokenBucket::new(MINUTE)).try_take(now, cost)
    }

    fn give_back(&mut self, key: AddressKey) {
        if let (Some(cost), Some(bucket)) = (self.cost, self.by_key.get_mut(&key)) {
            bucket.give_back(cost);
        }
    }

    /// Keeps the table bounded however many keys come. First it forgets full buckets, and if that frees too little, all. A client
    /// that makes the relay forget addresses has used up what its network may by then; one that has that many networks is held
    /// back by no limit of this kind.
    fn forget_if_crowded(&mut self, now: Duration) {
        if self.by_key.len() < REMEMBERED {
            return;
        }
        self.by_key.retain(|_, bucket| !bucket.is_full(now));
        if self.by_key.len() > REMEMBERED / 2 {
            self.by_key.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn origin(address: &str) -> ClientOrigin {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn what_was_used_comes_back_with_time_only() {
        let mut allowance = Allowance::new(6);
        let origin = origin("192.0.2.1");
        assert_eq!((0..20).filter(|_| allowance.take(origin, NOW)).count(), 6);
        assert!(allowance.take(origin, NOW + MINUTE / 6));
        assert!(!allowance.take(origin, NOW + MINUTE / 6));
    }

    #[test]
    fn the_addresses_of_one_network_share_what_it_may() {
        let mut allowance = Allowance::new(6);
        let granted = |allowance: &mut Allowance, network: &str| {
            (0..64)
                .flat_map(|host| [origin(&format!("{network}.{host}")); 20])
                .filter(|from| allowance.take(*from, NOW))
                .count()
        };
        assert_eq!(granted(&mut allowance, "192.0.2"), 24);
        assert_eq!(granted(&mut allowance, "192.0.3"), 24);
    }

    #[test]
    fn what_the_network_refuses_costs_the_address_nothing() {
        let mut allowance = Allowance::new(1);
        for host in 1..=4 {
            assert!(allowance.take(origin(&format!("192.0.2.{host}")), NOW));
        }
        assert!(!allowance.take(origin("192.0.2.9"), NOW));
        assert!(allowance.take(origin("192.0.2.9"), NOW + MINUTE / 4));
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let mut allowance = Allowance::new(1);
        let origin = origin("192.0.2.1");
        assert!(allowance.take(origin, NOW));
        allowance.give_back(origin);
        assert!(allowance.take(origin, NOW));
        assert!(!allowance.take(origin, NOW));
    }

    #[test]
    fn an_allowance_of_nothing_refuses_everything() {
        assert!(!Allowance::new(0).take(origin("192.0.2.1"), NOW));
    }

    #[test]
    fn the_tables_stay_bounded_and_a_network_cannot_make_the_relay_forget_what_it_used() {
        let mut allowance = Allowance::new(60);
        let mut granted = 0;
        for number in 0..65_536u32 {
            let [_, _, high, low] = number.to_be_bytes();
            let from = IpAddr::from([0x2001, 0xdb8, 7, u16::from_be_bytes([high, low]), 0, 0, 0, 1]);
            granted += u32::from(allowance.take(from.into(), NOW));
        }
        assert_eq!(granted, 240);
        for number in 0..100_000u32 {
            allowance.take(IpAddr::from(Ipv4Addr::from_bits(number << 8)).into(), NOW);
            let held = (allowance.addresses.by_key.len(), allowance.networks.by_key.len());
            assert!(held.0 <= REMEMBERED && held.1 <= REMEMBERED, "{held:?}");
        }
    }
}
