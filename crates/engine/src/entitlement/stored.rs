//! How amounts and times are written into stored documents: whole numbers of millionths and of microseconds.

/// An amount, as its millionths.
pub mod quantity {
    use farebox_types::Quantity;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the millionths.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Quantity, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(value.micros())
    }

    /// Reads the millionths.
    ///
    /// # Errors
    /// If they are not a whole number from 0 up.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Quantity, D::Error> {
        Quantity::from_micros(i64::deserialize(from)?).ok_or_else(|| D::Error::custom("below zero"))
    }
}

/// An amount or nothing.
pub mod quantity_or_none {
    use farebox_types::Quantity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Writes the millionths or null.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Option<Quantity>, to: S) -> Result<S::Ok, S::Error> {
        value.map(Quantity::micros).serialize(to)
    }

    /// Reads the millionths or null.
    ///
    /// # Errors
    /// If they are not a whole number from 0 up.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Quantity>, D::Error> {
        let micros = Option::<i64>::deserialize(from)?;
        micros.map(|micros| Quantity::from_micros(micros).ok_or_else(|| D::Error::custom("below zero"))).transpose()
    }
}

/// An instant, as its microseconds since 1970.
pub mod time {
    use farebox_types::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the microseconds.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(value.micros())
    }

    /// Reads the microseconds.
    ///
    /// # Errors
    /// If they are not a whole number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_micros)
    }
}

/// An instant or nothing.
pub mod time_or_none {
    use farebox_types::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the microseconds or null.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        value.map(Timestamp::micros).serialize(to)
    }

    /// Reads the microseconds or null.
    ///
    /// # Errors
    /// If they are not a whole number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_micros))
    }
}
