//! What a fare offers, and asking facilitators what its offers must say.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use farebox_x402::{Fault, Resource, Retry, Terms};
use serde_json::{Map, Value};

use super::{Fare, NoMenu};
use crate::{
    answers::Identifier,
    asked::Asked,
    menu::Menu,
    rails::Rails,
    way::{ChainWay, Way},
};

/// How long a facilitator's terms are taken as they were.
const TERMS_LAST: Duration = Duration::from_secs(60);

/// What is on offer.
pub(super) enum Serving {
    /// Credits need nobody's terms: the same for ever.
    Fixed(Arc<Menu>),
    /// What facilitators want said, until they are asked again.
    Asked(RwLock<Option<(Instant, Arc<Menu>)>>),
}

impl Serving {
    pub(super) fn new(
        resource: &Resource,
        public_url: Option<&Arc<str>>,
        ways: &Arc<[Way]>,
        identifier: Option<Identifier>,
    ) -> Self {
        if ways.iter().any(|way| way.chain().is_some()) {
            return Self::Asked(RwLock::default());
        }
        Self::Fixed(Arc::new(Menu::new(resource.clone(), public_url.cloned(), Arc::clone(ways), said(identifier))))
    }
}

impl Fare {
    /// What is on offer; `None` if facilitators must be asked first.
    pub(crate) fn menu(&self) -> Option<Arc<Menu>> {
        match &self.menu {
            Serving::Fixed(menu) => Some(Arc::clone(menu)),
            Serving::Asked(asked) => {
                let asked = asked.read().unwrap_or_else(PoisonError::into_inner);
                asked.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, menu)| Arc::clone(menu))
            }
        }
    }

    /// The menu for one request, whose prices depend on it.
    pub(crate) async fn menu_for(&self, rails: &Rails, asked: &Asked) -> Result<Arc<Menu>, NoMenu> {
        let mut ways = Vec::with_capacity(self.ways.len());
        for way in self.ways.iter() {
            ways.push(way.priced(asked).await.map_err(NoMenu::Price)?);
        }
        let (ways, extensions, failed) = self.asked_of(&ways, rails).await;
        match failed {
            Some(fault) if ways.is_empty() => Err(NoMenu::Fault(fault)),
            None if ways.is_empty() => Err(NoMenu::Fault(nothing_offered())),
            _ => Ok(Arc::new(Menu::new(self.resource.clone(), self.public_url.clone(), ways.into(), extensions))),
        }
    }

    /// Asks the facilitators what the offers must say. While one cannot be asked, what can be offered without it is, and what
    /// it said before counts; with nothing to offer it is an outage.
    pub(crate) async fn ask(&self, rails: &Rails) -> Result<Arc<Menu>, Fault> {
        let (ways, extensions, failed) = self.asked_of(&self.ways, rails).await;
        match (failed, self.before()) {
            (Some(_), Some(before)) => Ok(before),
            (Some(fault), None) if ways.is_empty() => Err(fault),
            (None, _) if ways.is_empty() => Err(nothing_offered()),
            (failed, _) => Ok(self.serve(ways, extensions, failed.is_none())),
        }
    }

    /// The ways as their facilitators want them said, extensions, and the last fault.
    async fn asked_of(&self, own: &[Way], rails: &Rails) -> (Vec<Way>, Map<String, Value>, Option<Fault>) {
        let (mut ways, mut extensions, mut failed) = (Vec::with_capacity(own.len()), said(self.identifier), None);
        for way in own {
            match (way, rails.for_chain()) {
                (Way::Chain(chain), Some(rail)) => match rail.terms(&chain.requirements).await {
                    Ok(Some(terms)) => ways.push(with(chain, terms, &mut extensions)),
                    Ok(None) => tracing::error!(route = &*self.label, "no facilitator takes {way}: it is not offered"),
                    Err(fault) => {
                        failed = Some(fault);
                        ways.extend((!chain.waits_for_terms()).then(|| way.clone()));
                    }
                },
                (way, _) => ways.push(way.clone()),
            }
        }
        (ways, extensions, failed)
    }

    fn serve(&self, ways: Vec<Way>, extensions: Map<String, Value>, certain: bool) -> Arc<Menu> {
        let url = self.public_url.clone();
        let menu = Arc::new(Menu::new(self.resource.clone(), url, ways.into(), extensions));
        if let (true, Serving::Asked(asked)) = (certain, &self.menu) {
            let until = Instant::now() + TERMS_LAST;
            *asked.write().unwrap_or_else(PoisonError::into_inner) = Some((until, Arc::clone(&menu)));
        }
        menu
    }

    /// What was on offer, however long ago.
    fn before(&self) -> Option<Arc<Menu>> {
        let Serving::Asked(asked) = &self.menu else { return None };
        asked.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, menu)| Arc::clone(menu))
    }
}

/// What the route itself adds to its offers.
fn said(identifier: Option<Identifier>) -> Map<String, Value> {
    let mut extensions = Map::new();
    if let Some(identifier) = identifier {
        identifier.offer(&mut extensions);
    }
    extensions
}

/// The way, saying what its facilitator wants said beside what the seller says.
fn with(way: &ChainWay, terms: Terms, extensions: &mut Map<String, Value>) -> Way {
    let mut way = way.clone();
    for (name, value) in terms.extra {
        way.requirements.extra.entry(name).or_insert(value);
    }
    extensions.extend(terms.extensions);
    Way::Chain(way)
}

pub(super) fn nothing_offered() -> Fault {
    let what = "no facilitator takes any of the route's ways to pay".to_owned();
    Fault { what, retry: Retry::Never, source: None }
}

#[cfg(test)]
mod tests {
    use farebox_x402::{PaymentRequired, header};

    use super::*;
    use crate::{fare::tests::fare, route::Route};

    fn menu(route: Route) -> Arc<Menu> {
        fare(route).unwrap().menu().unwrap()
    }

    #[test]
    fn an_offer_names_the_path_the_verb_and_the_plan() {
        let menu = menu(Route::credits("7").agent_id("9").description("An answer"));
        let json = menu.quote("POST", "/ask").offer.json().get().to_owned();
        assert_eq!(
            json,
            r#"{"x402Version":2,"resource":{"url":"/ask","description":"An answer"},"accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7","extra":{"version":"1","agentId":"9","httpVerb":"POST"}}],"extensions":{}}"#
        );
    }

    #[test]
    fn an_offer_is_written_once_for_its_path_and_anew_for_another() {
        let menu = menu(Route::credits("7"));
        let first = menu.quote("POST", "/ask");
        assert!(Arc::ptr_eq(&first.offer, &menu.quote("POST", "/ask").offer));
        assert_eq!(menu.quote("POST", "/ask/2").offer.resource.url, "/ask/2");
        assert!(Arc::ptr_eq(&first.offer, &menu.quote("POST", "/ask").offer));
    }

    #[test]
    fn a_refused_payers_offer_says_why_and_is_otherwise_the_same() {
        let offered = menu(Route::credits("7")).quote("POST", "/ask");
        let why: PaymentRequired = header::decode(offered.header_saying("no credits left").as_bytes()).unwrap();
        assert_eq!(why.error.as_deref(), Some("no credits left"));
        assert_eq!(why.accepts, offered.offer.accepts);
    }
}
