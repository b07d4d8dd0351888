//! Names with what they mean, written once: as constants, and as the rows of the reference.

/// Makes a constant of every name, and `ALL` of them.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: &str = $value;)*

        /// Every name above, with what it says.
        pub const ALL: &[(&str, &str)] = &[$(($value, concat!($($doc),+)),)*];
    };
}

pub(crate) use names;
