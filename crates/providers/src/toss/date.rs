//! Dates as Toss Payments writes them: local time in Korea, which has no summer time.

use farebox_types::Timestamp;

const KOREA_SECONDS: i64 = 9 * 3_600;
const DAY: i64 = 86_400;

/// `2026-11-21T18:00:00`.
pub(super) fn korean(time: Timestamp) -> String {
    let local = time.seconds().saturating_add(KOREA_SECONDS);
    let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// The proleptic Gregorian date of a day since 1970, by eras of 400 years that begin on the first of March.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(if month <= 2 { 1 } else { 0 });
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_koreas() {
        for (seconds, date) in [
            (0, "1970-01-01T09:00:00"),
            (951_782_400, "2000-02-29T09:00:00"),
            (951_836_400, "2000-03-01T00:00:00"),
            (1_795_251_599, "2026-11-21T17:59:59"),
            (1_709_164_800, "2024-02-29T09:00:00"),
            (4_107_542_400, "2100-03-01T09:00:00"),
        ] {
            assert_eq!(korean(Timestamp::from_seconds(seconds)), date);
        }
    }
}
