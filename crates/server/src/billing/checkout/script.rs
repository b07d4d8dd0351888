//! The provider's own script on the page: where it comes from, what it is told, what it sends the browser back with.

use base64::{Engine, prelude::BASE64_STANDARD};
use farebox_engine::payment::Payment;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    super::{
        desk::{Desk, PageScript},
        edge::Denial,
        pages::escaped,
    },
    standing::{denied, found, payments},
};
use crate::{collect, payments::our_id};

/// An order's name at Toss is not longer.
const MAX_NAME: usize = 100;

/// A provider's script.
pub(super) struct Script<'a> {
    page: &'a PageScript,
    /// What of ours drives it; the same on every page, so that the policy can name it by its hash.
    driver: &'static str,
    /// Where else the script itself goes, as the provider documents it.
    also: &'static str,
}

impl<'a> Script<'a> {
    pub(super) fn of(provider: &str, page: &'a PageScript) -> Option<Self> {
        match provider {
            "stripe" => Some(Self { page, driver: STRIPE, also: "https://api.stripe.com https://hooks.stripe.com" }),
            "toss" => Some(Self { page, driver: TOSS, also: "https://*.tosspayments.com" }),
            _ => None,
        }
    }

    /// What this page may do beyond others: load the provider's script, frame its fields, and run our few lines.
    pub(super) fn policy(&self) -> String {
        let hash = BASE64_STANDARD.encode(Sha256::digest(self.driver));
        let (origin, also) = (origin(&self.page.url), self.also);
        format!(
            "script-src {origin} 'sha256-{hash}'; frame-src {origin} {also}; connect-src {origin} {also}; \
             img-src {origin} {also} data:"
        )
    }

    /// What of the page the script works in.
    pub(super) fn body(&self, row: &Payment, plan: &str) -> String {
        let secret = row.details.action.as_ref().and_then(|action| action.client_secret.as_deref()).unwrap_or_default();
        let name: String = plan.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect();
        format!(
            "<form id=\"pay\" data-key=\"{}\" data-secret=\"{}\" data-order=\"{}\" data-minor=\"{}\" data-name=\"{}\">\
             <div id=\"fields\"></div><p id=\"note\" role=\"alert\"></p><p><button class=\"main\">Pay</button></p></form>\
             <noscript><p role=\"alert\">Paying needs JavaScript.</p></noscript>\
             <form method=\"post\"><button name=\"decision\" value=\"another\">Begin again</button> \
             <button name=\"decision\" value=\"leave\">Go back</button></form>\
             <script src=\"{}\"></script><script>{}</script>",
            escaped(&self.page.key),
            escaped(secret),
            escaped(&our_id(row.tenant, row.id)),
            row.money.minor,
            escaped(&name),
            escaped(&self.page.url),
            self.driver
        )
    }
}

/// `https://js.stripe.com` of its address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(host..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    url.get(..end).unwrap_or_default()
}

/// What a provider has sent the browser back with. It decides nothing: the provider is asked, with our own amount.
#[derive(Deserialize, Default)]
pub(in crate::billing) struct Brought {
    /// Toss: what the payment is confirmed with.
    #[serde(rename = "paymentKey")]
    payment_key: Option<String>,
    /// Toss: of which order.
    #[serde(rename = "orderId")]
    order: Option<String>,
    /// Stripe: of which intent.
    payment_intent: Option<String>,
    /// Toss: why not.
    code: Option<String>,
}

impl Brought {
    pub(super) const fn is_something(&self) -> bool {
        self.payment_key.is_some() || self.order.is_some() || self.payment_intent.is_some() || self.code.is_some()
    }

    /// Confirms what was paid in the provider's window, if it is the payment that this checkout waits for.
    pub(super) async fn taken(self, desk: &Desk, name: &str) -> Result<(), Denial> {
        let (Some(token), Some(order)) = (self.payment_key, self.order) else { return Ok(()) };
        let found = found(desk, name).await?;
        let attempt = desk.billing.attempt_of(found.tenant, &found.row.value).await?;
        let Some(row) = attempt.filter(|row| our_id(row.tenant, row.id) == order) else { return Ok(()) };
        collect::confirm(payments(desk)?, row, token).await.map_err(denied)?;
        Ok(())
    }
}

/// Stripe's Payment Element. The browser comes back to this page, which asks Stripe.
const STRIPE: &str = "(async()=>{const form=document.getElementById('pay'),note=document.getElementById('note'),\
button=form.querySelector('button'),{key,secret}=form.dataset;const say=text=>{note.textContent=text;button.disabled=false};\
form.addEventListener('submit',event=>event.preventDefault());\
if(typeof Stripe!=='function')return say('The form of Stripe could not be loaded. Please load this page again.');\
const stripe=Stripe(key),back=location.origin+location.pathname;\
const {paymentIntent:intent}=await stripe.retrievePaymentIntent(secret);\
if(intent&&intent.status==='requires_action'){await stripe.handleNextAction({clientSecret:secret});return location.replace(back)}\
const elements=stripe.elements({clientSecret:secret});elements.create('payment').mount('#fields');\
form.addEventListener('submit',async()=>{button.disabled=true;note.textContent='';\
const {error}=await stripe.confirmPayment({elements,confirmParams:{return_url:back}});\
if(error)say(error.message||'This did not work. Nothing was charged.')})})()";

/// Toss Payments' window. It sends the browser back to this page, which confirms with the amount that is due.
const TOSS: &str = "(()=>{const form=document.getElementById('pay'),note=document.getElementById('note'),\
button=form.querySelector('button'),{key,order,minor,name}=form.dataset;\
const say=text=>{note.textContent=text;button.disabled=false};form.addEventListener('submit',async event=>{event.preventDefault();\
if(typeof TossPayments!=='function')return say('The window of Toss Payments could not be loaded. Please load this page again.');\
button.disabled=true;note.textContent='';const back=location.origin+location.pathname;\
try{await TossPayments(key).payment({customerKey:TossPayments.ANONYMOUS}).requestPayment({method:'CARD',\
amount:{currency:'KRW',value:Number(minor)},orderId:order,orderName:name,successUrl:back,failUrl:back})}\
catch(error){say(error.message||'This did not work. Nothing was charged.')}})})()";

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            ("https://js.stripe.com/v3", "https://js.stripe.com"),
            ("http://127.0.0.1:8080/v3?x", "http://127.0.0.1:8080"),
            ("https://js.tosspayments.com", "https://js.tosspayments.com"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }
}
