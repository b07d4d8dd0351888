//! The QR code with the page's address.

use qrcode::{Color, EcLevel, QrCode};

/// A longer address makes a code that phones read badly.
const MOST: usize = 400;

/// White around the code, in modules: what the standard asks for.
const QUIET: usize = 4;

/// A code as an SVG path of unit squares.
pub(super) struct Code {
    /// Width and height in modules, quiet zone included.
    pub(super) side: usize,
    pub(super) path: String,
}

/// The code of an address; `None` for one that is too long.
pub(super) fn code(address: &str) -> Option<Code> {
    if address.len() > MOST {
        return None;
    }
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let width = code.width();
    let modules = code.to_colors();
    let path = modules.chunks(width).enumerate().map(|(y, row)| line(row, y + QUIET)).collect();
    Some(Code { side: width + 2 * QUIET, path })
}

/// One bar for each run of dark modules.
fn line(row: &[Color], y: usize) -> String {
    let mut x = QUIET;
    let mut bars = String::new();
    for run in row.chunk_by(|a, b| a == b) {
        let length = run.len();
        if run.first() == Some(&Color::Dark) {
            bars.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
        }
        x += length;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_draws_the_codes_dark_modules() {
        let address = "https://api.example/forecast?day=1";
        let code = code(address).unwrap();
        let expected = QrCode::with_error_correction_level(address, EcLevel::M).unwrap();
        assert_eq!(code.side, expected.width() + 8);
        let lengths = code.path.split('h').skip(1).filter_map(|rest| rest.split_once('v'));
        let dark: usize = lengths.map(|(length, _)| length.parse::<usize>().unwrap()).sum();
        assert_eq!(dark, expected.to_colors().iter().filter(|it| **it == Color::Dark).count());
        // The corner of the first finder pattern: seven dark modules.
        assert!(code.path.starts_with("M4 4h7v1h-7z"));
    }

    #[test]
    fn an_address_that_makes_an_unreadable_code_gets_none() {
        assert!(code(&"a".repeat(MOST)).is_some());
        assert!(code(&"a".repeat(MOST + 1)).is_none());
    }
}
