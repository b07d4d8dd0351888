//! One operation of `/v1`: its route, who may run it, what it takes and answers, and the verb. Routes and the OpenAPI
//! document are both made from this, so neither says what the other does not.

use std::{future::Future, pin::Pin};

use axum::http::Method;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};
use crate::keys::Scope;

/// What a verb returns.
pub(super) type Doing<'a> = Pin<Box<dyn Future<Output = Result<Reply, Denial>> + Send + 'a>>;
/// A verb.
pub(super) type Verb = for<'a> fn(&'a Desk, &'a Call) -> Doing<'a>;

/// Makes a [`Verb`] of an async function.
macro_rules! verb {
    ($path:path) => {
        |desk, call| Box::pin($path(desk, call))
    };
}
pub(super) use verb;

/// Who may run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever holds a token with this scope.
    Scope(Scope),
    /// Anybody.
    Public,
}

/// What its idempotency key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyed {
    /// Answers are stored under it, if there is one.
    Optional,
    /// It must be there.
    Required,
    /// The verb looks after it itself.
    Itself,
    /// Both.
    RequiredItself,
}

impl Keyed {
    pub(super) const fn is_itself(self) -> bool {
        matches!(self, Self::Itself | Self::RequiredItself)
    }

    pub(super) const fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredItself)
    }
}

/// A schema with its name and those it refers to.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) others: Vec<(String, RefOr<Schema>)>,
    pub(super) schema: RefOr<Schema>,
}

/// One operation.
pub(super) struct Operation {
    pub(super) method: Method,
    /// Below `/v1`.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    pub(super) keyed: Keyed,
    pub(super) body: Option<(Shape, bool)>,
    pub(super) parameters: Vec<&'static str>,
    pub(super) answers: Vec<(u16, Option<Shape>)>,
    pub(super) verb: Verb,
}

impl Operation {
    pub(super) fn new(method: Method, path: &'static str, id: &'static str, scope: Scope, verb: Verb) -> Self {
        Self {
            method,
            path,
            id,
            summary: "",
            access: Access::Scope(scope),
            keyed: Keyed::Optional,
            body: None,
            parameters: Vec::new(),
            answers: Vec::new(),
            verb,
        }
    }

    pub(super) fn get(path: &'static str, id: &'static str, verb: Verb) -> Self {
        Self::new(Method::GET, path, id, Scope::BillingRead, verb)
    }

    pub(super) fn post(path: &'static str, id: &'static str, verb: Verb) -> Self {
        Self::new(Method::POST, path, id, Scope::BillingWrite, verb)
    }

    /// What it does, in a sentence.
    pub(super) fn does(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub(super) fn scope(self, scope: Scope) -> Self {
        Self { access: Access::Scope(scope), ..self }
    }

    pub(super) fn public(self) -> Self {
        Self { access: Access::Public, ..self }
    }

    pub(super) fn keyed(self, keyed: Keyed) -> Self {
        Self { keyed, ..self }
    }

    /// Takes this body.
    pub(super) fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some((shape::<T>(), true)), ..self }
    }

    /// Takes this body, or none.
    pub(super) fn may_take<T: ToSchema>(self) -> Self {
        Self { body: Some((shape::<T>(), false)), ..self }
    }

    /// Reads these parameters of the query.
    pub(super) fn reads(mut self, parameters: &[&'static str]) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A list with `limit` and `cursor`.
    pub(super) fn lists<T: ToSchema>(mut self) -> Self {
        let mut list = shape::<farebox_api::List<T>>();
        let row = shape::<T>();
        list.others.extend(row.others);
        list.others.push((row.name, row.schema));
        self.answers.push((200, Some(list)));
        self.reads(&["limit", "cursor"])
    }

    pub(super) fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, Some(shape::<T>())));
        self
    }

    /// Answers without a body.
    pub(super) fn answers_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, None));
        self
    }

    /// The first segment: what it is about.
    pub(super) fn tag(&self) -> &'static str {
        self.path.trim_start_matches('/').split('/').next().unwrap_or_default()
    }
}

pub(super) fn shape<T: ToSchema>() -> Shape {
    let mut others = Vec::new();
    T::schemas(&mut others);
    Shape { name: T::name().into_owned(), others, schema: T::schema() }
}

impl Shape {
    /// Whether the schema is used by name: generic ones, whose name says too little, are written out.
    pub(super) fn is_named(&self) -> bool {
        self.name != "List"
    }
}

/// The schema of a type on its own.
pub(super) fn schema_of<T: PartialSchema>() -> RefOr<Schema> {
    T::schema()
}
