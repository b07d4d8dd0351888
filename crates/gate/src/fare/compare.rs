//! Which of two fares costs more.

use std::cmp::Ordering;

use super::Fare;
use crate::way::{ChainWay, Way};

impl Fare {
    /// Compares what two fares cost, by the first unit that both can be paid in; equal where there is none.
    pub(crate) fn compare_price(&self, other: &Self) -> Ordering {
        let credits = |fare: &Self| fare.ways.iter().find_map(Way::credits).map(|way| way.price);
        if let (Some(one), Some(other)) = (credits(self), credits(other)) {
            return one.cmp(&other);
        }
        let same_token = |one: &&ChainWay, two: &&ChainWay| {
            let (one, two) = (&one.requirements, &two.requirements);
            one.network == two.network && farebox_x402::assets::same_address(&one.asset, &two.asset)
        };
        for one in self.ways.iter().filter_map(Way::chain) {
            if let Some(two) = other.ways.iter().filter_map(Way::chain).find(|two| same_token(&one, two)) {
                return one.requirements.amount.cmp(&two.requirements.amount);
            }
        }
        Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fare::tests::fare, route::Route};

    #[test]
    fn prices_compare_in_a_unit_that_both_fares_take() {
        let token = |price: &str| Route::exact(price).pay_to(PAYEE).network("base-sepolia");
        let one = fare(Route::credits("7").price(1).or(token("$2"))).unwrap();
        let two = fare(token("$1").or(Route::credits("7").price(5))).unwrap();
        let three = fare(token("$1.5")).unwrap();
        assert_eq!(one.compare_price(&two), Ordering::Less);
        assert_eq!(one.compare_price(&three), Ordering::Greater);
        assert_eq!(three.compare_price(&fare(Route::credits("7")).unwrap()), Ordering::Equal);
    }

    const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
}
