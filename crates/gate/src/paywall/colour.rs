//! Colours that can be read, whatever accent a seller picks: contrast as WCAG 2 counts it, in whole numbers.

use std::fmt;

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour([u8; 3]);

pub(super) const BLACK: Colour = Colour([0; 3]);
pub(super) const WHITE: Colour = Colour([255; 3]);

/// The darkest ground that light-theme text stands on, `--sunk` in the stylesheet.
const LIGHT_GROUND: Colour = Colour([0xef, 0xec, 0xe4]);
/// The lightest ground that dark-theme text stands on, `--paper` in the stylesheet.
const DARK_GROUND: Colour = Colour([0x1c, 0x1e, 0x1b]);

/// 4.5 in hundredths, and a little for rounding.
const READABLE: u32 = 460;

/// Linear light of the channel values 0, 15, 30, … 255, in millionths. Between them a straight line errs by 0.2 % at most.
const LINEAR: [u32; 18] = [
    0, 4_777, 12_983, 26_241, 45_186, 70_360, 102_242, 141_263, 187_821, 242_281, 304_987, 376_262, 456_411, 545_724,
    644_480, 752_942, 871_367, 1_000_000,
];

impl Colour {
    /// Reads `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let whole = digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())??;
        let [_, rgb @ ..] = whole.to_be_bytes();
        Some(Self(rgb))
    }

    /// The text colour that reads best on this ground: one of the two always reads well.
    pub(super) fn text_on(self) -> Self {
        if contrast(self, WHITE) >= contrast(self, BLACK) { WHITE } else { BLACK }
    }

    /// As text on the light theme: darkened until it can be read.
    pub(super) fn for_light(self) -> Self {
        self.readable(LIGHT_GROUND, BLACK)
    }

    /// As text on the dark theme: lightened until it can be read.
    pub(super) fn for_dark(self) -> Self {
        self.readable(DARK_GROUND, WHITE)
    }

    fn readable(self, ground: Self, end: Self) -> Self {
        (0..=STEPS).map(|step| self.mixed(end, step)).find(|it| contrast(*it, ground) >= READABLE).unwrap_or(end)
    }

    fn mixed(self, end: Self, step: u32) -> Self {
        let [red, green, blue] = self.0;
        let [to_red, to_green, to_blue] = end.0;
        let mix = |from: u8, to: u8| {
            let sum = u32::from(from) * (STEPS - step) + u32::from(to) * step;
            u8::try_from(sum / STEPS).unwrap_or(u8::MAX)
        };
        Self([mix(red, to_red), mix(green, to_green), mix(blue, to_blue)])
    }

    /// In millionths.
    fn luminance(self) -> u32 {
        let [red, green, blue] = self.0.map(linear);
        (2126 * (red / 10) + 7152 * (green / 10) + 722 * (blue / 10)) / 1000
    }
}

const STEPS: u32 = 32;

fn linear(channel: u8) -> u32 {
    let (at, rest) = (usize::from(channel / 15), u32::from(channel % 15));
    let low = LINEAR.get(at).copied().unwrap_or(1_000_000);
    let high = LINEAR.get(at + 1).copied().unwrap_or(low);
    low + (high - low) * rest / 15
}

/// 100 (the same) to 2100 (black on white).
fn contrast(one: Colour, other: Colour) -> u32 {
    let (a, b) = (one.luminance(), other.luminance());
    (a.max(b) + 50_000) * 100 / (a.min(b) + 50_000)
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrast_agrees_with_the_published_examples() {
        assert_eq!(contrast(BLACK, WHITE), 2100);
        assert_eq!(contrast(WHITE, WHITE), 100);
        for (grey, published) in [("#777777", 448), ("#767676", 454), ("#595959", 700)] {
            let ours = contrast(Colour::parse(grey).unwrap(), WHITE);
            assert!(ours.abs_diff(published) <= 4, "{grey}: {ours}, published {published}");
        }
    }

    #[test]
    fn only_six_hex_digits_are_a_colour() {
        assert_eq!(Colour::parse("#0aF9ff").unwrap().to_string(), "#0af9ff");
        for text in ["", "#", "#fff", "0a0a0a", "#0a0a0a0a", "#+a0a0a", "#0a0a0g", "red", "#ééé", "#fff}/*"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_accent_can_be_read_in_both_themes(rgb: [u8; 3]) {
            let accent = Colour(rgb);
            prop_assert!(contrast(accent.for_light(), LIGHT_GROUND) >= READABLE);
            prop_assert!(contrast(accent.for_dark(), DARK_GROUND) >= READABLE);
            prop_assert!(contrast(accent.text_on(), accent) >= 450);
        }
    }

    #[test]
    fn the_grounds_are_the_stylesheets() {
        let style = include_str!("../../templates/paywall.css");
        assert!(style.contains(&format!("--sunk: {LIGHT_GROUND}")));
        assert!(style.contains(&format!("--paper: {DARK_GROUND}")));
    }
}
