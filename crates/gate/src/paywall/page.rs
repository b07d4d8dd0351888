//! The page itself.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{
    brand::{self, BadPaywall, Brand},
    colour::Colour,
    facts::PaywallFacts,
    policy,
    view::{SCRIPT, View},
    window,
};

/// The page that browsers get instead of a JSON 402. As it is it needs nothing; name your app, and more if you like.
///
/// ```
/// # use farebox_gate::Paywall;
/// let paywall = Paywall::new()
///     .app_name("Weather, honestly")
///     .logo("/logo.svg")
///     .support("mailto:help@weather.example")
///     .accent("#7a3cff");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Paywall {
    brand: Brand,
    style: Style,
    template: Option<Write>,
    problem: Option<BadPaywall>,
}

type Write = Arc<dyn Fn(&PaywallFacts<'_>) -> OwnPage + Send + Sync>;

/// A page of the seller's own.
#[derive(Debug, Clone)]
pub struct OwnPage {
    html: String,
    policy: HeaderValue,
}

impl From<String> for OwnPage {
    /// Shown with a policy that allows inline styles, and pictures, styles and fonts of the same server, but no scripts.
    fn from(html: String) -> Self {
        Self { html, policy: policy::OWN }
    }
}

impl OwnPage {
    /// The page's own Content-Security-Policy, instead of the one without scripts.
    #[must_use]
    pub fn policy(self, policy: HeaderValue) -> Self {
        Self { policy, ..self }
    }
}

/// The stylesheet in the seller's colour, and its hash.
#[derive(Clone)]
struct Style {
    text: Arc<str>,
    source: Arc<str>,
}

impl Style {
    fn of(accent: Colour) -> Self {
        const SHEET: &str = include_str!("../../templates/paywall.css");
        let (ink, light, dark) = (accent.text_on(), accent.for_light(), accent.for_dark());
        let text = format!(
            "{SHEET}:root {{ --accent: {accent}; --on-accent: {ink}; --link: {light}; }}\n\
             @media (prefers-color-scheme: dark) {{ :root {{ --link: {dark}; }} }}"
        );
        Self { source: policy::source(&text).into(), text: text.into() }
    }
}

const ACCENT: &str = "#0b6e4f";
const PLAIN: &str = "<!doctype html><html lang=\"en\"><title>Payment required</title><h1>Payment required</h1>\
                     <p>The offer is in this answer’s payment-required header.</p></html>";

static SCRIPT_SOURCE: LazyLock<String> = LazyLock::new(|| policy::source(SCRIPT));

impl Paywall {
    /// A page without a name, in the default colour.
    pub fn new() -> Self {
        let accent = Colour::parse(ACCENT).unwrap_or(super::colour::BLACK);
        let brand = Brand { app_name: None, logo: None, support: None, accent };
        Self { brand, style: Style::of(accent), template: None, problem: None }
    }

    /// Who sells.
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.brand.app_name = self.taken(brand::app_name(name.into()));
        self
    }

    /// A picture beside the name: `data:image/…;base64,…` of at most 32 KiB, or a path of this server. Square looks best.
    pub fn logo(mut self, logo: impl Into<String>) -> Self {
        self.brand.logo = self.taken(brand::logo(logo.into()));
        self
    }

    /// Where people get help: `https://…`, `mailto:…` or a path of this server.
    pub fn support(mut self, link: impl Into<String>) -> Self {
        self.brand.support = self.taken(brand::support(link.into()));
        self
    }

    /// The colour of the price, `#rrggbb`. Text in it is darkened or lightened until it can be read.
    pub fn accent(mut self, colour: &str) -> Self {
        if let Some(accent) = self.taken(brand::accent(colour)) {
            self.brand.accent = accent;
            self.style = Style::of(accent);
        }
        self
    }

    /// Writes the whole page yourself. Escape what you show: none of it is safe HTML. If `write` panics, the page is ours.
    pub fn template<P: Into<OwnPage>>(
        mut self,
        write: impl Fn(&PaywallFacts<'_>) -> P + Send + Sync + 'static,
    ) -> Self {
        self.template = Some(Arc::new(move |facts| write(facts).into()));
        self
    }

    /// The headers and body of the page; status and offer are the gate's.
    #[must_use]
    pub fn page(&self, facts: &PaywallFacts<'_>) -> (HeaderMap, Bytes) {
        match self.own(facts) {
            Some(own) => (policy::headers(own.policy, None), own.html.into()),
            None => self.ours(facts),
        }
    }

    /// The first thing that is wrong with it, for start-up.
    pub(crate) fn checked(self) -> Result<Self, BadPaywall> {
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(self),
        }
    }

    fn own(&self, facts: &PaywallFacts<'_>) -> Option<OwnPage> {
        let write = self.template.as_ref()?;
        let written = catch_unwind(AssertUnwindSafe(|| write(facts)));
        written.inspect_err(|_| tracing::error!("the paywall's template panicked; the built-in page is shown")).ok()
    }

    fn ours(&self, facts: &PaywallFacts<'_>) -> (HeaderMap, Bytes) {
        let (name, logo) = (self.brand.app_name.as_deref(), self.brand.logo.as_deref());
        let window = window::script(facts, name.unwrap_or_default(), logo.unwrap_or_default());
        let view = View::new(facts, &self.brand, &self.style.text, &window);
        let scripts = [policy::source(&window), SCRIPT_SOURCE.clone()];
        let policy = policy::strict(&self.style.source, &scripts, logo.is_some_and(brand::is_path));
        let html = view.render().unwrap_or_else(|error| {
            tracing::error!(%error, "the paywall could not be written");
            PLAIN.to_owned()
        });
        (policy::headers(policy, Some(HeaderValue::from_static("en"))), html.into())
    }

    /// What is good; what is not is remembered.
    fn taken<T>(&mut self, value: Result<T, BadPaywall>) -> Option<T> {
        value.map_err(|problem| self.problem.get_or_insert(problem).clone()).ok()
    }
}

impl Default for Paywall {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Paywall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { brand, template, problem, .. } = self;
        let mut shown = f.debug_struct("Paywall");
        shown.field("brand", brand).field("own_template", &template.is_some()).field("problem", problem);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problem_stops_the_start() {
        let problem = |paywall: Paywall| paywall.checked().map(|_| ()).unwrap_err();
        assert_eq!(problem(Paywall::new().accent("red").logo("x")), BadPaywall::Accent("red".to_owned()));
        assert_eq!(problem(Paywall::new().app_name(" ")), BadPaywall::AppName);
        assert!(Paywall::new().app_name("Shop").accent("#ffffff").checked().is_ok());
    }
}
