//! Schemas of the types whose JSON is not what their Rust is.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::{Amount, Code, Currency, Cursor, GrantValue, Overage, Time, UpTo};

macro_rules! schemas {
    ($($name:ident => $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::from($schema))
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number)
}

fn cap() -> ObjectBuilder {
    let amount = number().description(Some("So much beyond the balance."));
    ObjectBuilder::new().schema_type(Type::Object).property("cap", amount).required("cap")
}

schemas! {
    Amount => number().description(Some("At most six decimals, between -9223372036854 and 9223372036854; read exactly.")).build();
    Time => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).build();
    Code => text().pattern(Some("^[a-z][a-z0-9_]{0,63}$")).build();
    Currency => text().pattern(Some("^[A-Z]{3}$")).build();
    Cursor => text().description(Some("Opaque: pass on what the page before gave.")).build();
    GrantValue => OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Boolean)).item(number()).item(text()).build();
    Overage => OneOfBuilder::new().item(text().enum_values(Some(["deny", "allow"]))).item(cap()).build();
    UpTo => OneOfBuilder::new().item(number()).item(text().enum_values(Some(["inf"]))).build();
}
