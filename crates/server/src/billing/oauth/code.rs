//! Codes that are typed and codes that are not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_store::Fault;

use crate::refusal::impossible;

/// No vowels, so no words; nothing that looks like something else.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// 32 random bytes.
pub(super) fn secret() -> Result<String, Fault> {
    let mut bytes = [0_u8; 32];
    random(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Eight letters, `BCDF-GHJK`: 34 bits, guessed against within minutes only.
pub(super) fn typed() -> Result<String, Fault> {
    let mut code = String::with_capacity(9);
    while code.len() < 9 {
        let mut byte = [0_u8; 1];
        random(&mut byte)?;
        // 240 is a multiple of 20: each letter as likely as the next.
        if byte[0] < 240 {
            if code.len() == 4 {
                code.push('-');
            }
            code.push(char::from(LETTERS[usize::from(byte[0] % 20)]));
        }
    }
    Ok(code)
}

/// As it is kept, whatever was typed between and around the letters.
pub(super) fn normalised(text: &str) -> Option<String> {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    (letters.len() == 8).then(|| format!("{}-{}", &letters[..4], &letters[4..]))
}

fn random(bytes: &mut [u8]) -> Result<(), Fault> {
    getrandom::fill(bytes).map_err(|_| impossible("the system gave no random numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_reads_back_however_it_is_typed() {
        let code = typed().unwrap();
        assert_eq!(normalised(&code), Some(code.clone()));
        assert_eq!(normalised(&code.to_lowercase().replace('-', " ")), Some(code));
        assert_eq!(normalised("ABC"), None);
        assert_ne!(secret().unwrap(), secret().unwrap());
    }
}
