//! A request whose fare needs more than a look at its headers: subscribers, prices by the request, hooks, terms.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::Service;
use tracing::Instrument;

use super::{Paying, serve};
use crate::{
    answer::{self, Own},
    asked::Asked,
    body::GateBody,
    fare::{Fare, NoMenu},
    finish::Finish,
    gate::Gate,
    headers,
    hooks::Told,
    menu::Menu,
    subscribers::{self, Pass, Subscribers},
    work::{self, BoxError, Worked},
};

/// A request and where it goes.
pub(crate) struct Arrival {
    pub(crate) gate: Gate,
    pub(crate) fare: Arc<Fare>,
    pub(crate) verb: String,
    /// As the client sent it.
    pub(crate) path: String,
}

/// Lets a subscriber in; finds out what anybody else has to pay; then goes on as with any request.
pub(crate) async fn arrive<S, ReqB, ResB>(
    arrival: Arrival,
    inner: S,
    request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    ReqB: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    let Arrival { gate, fare, .. } = &arrival;
    let reads = fare.subscribers.is_some() || fare.asks();
    let (mut request, body) = match reads {
        true => match work::take_body(request, fare.max_request).await {
            Ok(read) => read,
            Err(answer) => return Ok(answer::whole(*answer)),
        },
        false => (request, Bytes::new()),
    };
    // Marks the payment as sensitive before anybody looks at the request.
    headers::hide_payment(request.headers_mut());
    let asked = Asked::of(&request, body);
    if let Some(subscribers) = &fare.subscribers
        && let Some(pass) = subscribers::pass(&**subscribers, &asked).await
    {
        return admitted((Arc::clone(subscribers), pass), fare, inner, request).await;
    }
    let told = gate.hooks().map(|hooks| Told { hooks: Arc::clone(hooks), asked: asked.clone() });
    let read = match arrival.menu(&asked, request.headers()).await {
        Ok(menu) => {
            let quote = menu.quote(&arrival.verb, &arrival.path);
            Paying::read(gate, Arc::clone(fare), quote, &mut request)
        }
        Err(answer) => Err(answer),
    };
    match (read, told) {
        (Ok(paying), told) => {
            let paying = paying.telling(told);
            let span = paying.span();
            serve(paying, inner, request).instrument(span).await
        }
        (Err(answer), Some(told)) => Ok(answer::whole(told.payment_error(*answer).await)),
        (Err(answer), None) => Ok(answer::whole(*answer)),
    }
}

impl Arrival {
    async fn menu(&self, asked: &Asked, headers: &http::HeaderMap) -> Result<Arc<Menu>, Box<Own>> {
        let (fare, rails) = (&self.fare, self.gate.rails());
        // An offer in credits names no price: nobody has to be asked before somebody pays.
        let unpriced = !fare.asks() || (!fare.is_on_chain() && !headers::presents_payment(headers));
        let menu = match unpriced {
            true => match fare.menu() {
                Some(menu) => return Ok(menu),
                None => fare.ask(rails).await.map_err(NoMenu::Fault),
            },
            false => fare.menu_for(rails, asked).await,
        };
        menu.map_err(|why| match why {
            NoMenu::Fault(fault) => {
                let source = fault.source.as_deref();
                tracing::error!(route = &*fare.label, source, "nothing can be offered: {fault}");
                answer::unavailable(&fault).into()
            }
            NoMenu::Price(why) => {
                tracing::error!(route = &*fare.label, "nothing was charged: there is no price: {why}");
                answer::no_price().into()
            }
        })
    }
}

/// Runs the handler for a subscriber, and counts the usage if it succeeds.
async fn admitted<S, ReqB, ResB>(
    (subscribers, pass): (Arc<dyn Subscribers>, Pass),
    fare: &Fare,
    mut inner: S,
    mut request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    headers::remove_payment(request.headers_mut());
    request.extensions_mut().insert(pass.clone());
    // If the client leaves meanwhile, what was set aside is given back.
    let mut counting = Counting { subscribers, pass: Some(pass) };
    if fare.streaming {
        let answer = work::caught(inner.call(request)).await;
        let used = matches!(&answer, Some(Ok(answer)) if work::is_success(answer.status()));
        counting.end(used).await;
        return match answer {
            Some(answer) => answer.map(|answer| private(answer).map(GateBody::passed)),
            None => Ok(answer::whole(answer::broken())),
        };
    }
    let worked = work::run(inner, request, fare.max_body).await;
    let used = matches!(worked, Worked::Succeeded(_));
    counting.end(used).await;
    match worked {
        Worked::Succeeded(answer) => Ok(answer::whole(private(answer))),
        Worked::Unsuccessful(answer) => Ok(answer.map(GateBody::passed)),
        Worked::Failed(error) => Err(error),
        Worked::Broken(why) => {
            tracing::error!("a subscriber's answer could not be produced: {why}");
            Ok(answer::whole(answer::broken()))
        }
    }
}

fn private<B>(mut answer: Response<B>) -> Response<B> {
    headers::make_private(answer.headers_mut());
    answer
}

struct Counting {
    subscribers: Arc<dyn Subscribers>,
    pass: Option<Pass>,
}

impl Counting {
    async fn end(&mut self, used: bool) {
        let Some(pass) = self.pass.take() else { return };
        Finish::new(subscribers::count(Arc::clone(&self.subscribers), pass, used)).await;
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        // Dropped before its end, it goes on by itself.
        drop(Finish::new(subscribers::count(Arc::clone(&self.subscribers), pass, false)));
    }
}
