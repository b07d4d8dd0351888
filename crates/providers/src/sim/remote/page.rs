//! The hosted page on which a payer approves or rejects (3-D Secure).

use super::Remote;
use crate::sim::types::{SimPayment, SimState};

/// A page to show, or the address to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayPage {
    /// 200, 303 or 404.
    pub status: u16,
    /// For 303.
    pub location: Option<String>,
    /// `text/html; charset=utf-8`. It has no script and loads nothing.
    pub html: String,
}

impl Remote {
    /// The hosted page of a payment. `form` is the body of a POST (`outcome=approve` or `outcome=reject`), `None` for a GET.
    #[must_use]
    pub fn pay_page(&self, id: &str, form: Option<&[u8]>) -> PayPage {
        if let Some(form) = form {
            let outcome = form_urlencoded::parse(form).find(|(name, _)| name == "outcome").map(|(_, value)| value);
            let decided = match outcome.as_deref() {
                Some("approve") => self.payer_answers(id, true).ok(),
                Some("reject") => self.payer_answers(id, false).ok(),
                _ => None,
            };
            let back = decided.and_then(|payment| payment.return_url).filter(|url| safe(url));
            if let Some(url) = back {
                return PayPage { status: 303, location: Some(url), html: String::new() };
            }
        }
        match self.payment(id) {
            Some(payment) => PayPage { status: 200, location: None, html: html(&payment) },
            None => PayPage { status: 404, location: None, html: shell("<p>There is no such payment.</p>") },
        }
    }
}

/// A web address that fits a header.
fn safe(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    web && url.len() <= 2_000 && url.bytes().all(|b| b.is_ascii_graphic())
}

fn html(payment: &SimPayment) -> String {
    let amount = format!("{} {} (minor units)", payment.minor, payment.currency);
    let what = match payment.state {
        SimState::RequiresAction => format!(
            "<p>Approve the payment of <strong>{amount}</strong>?</p><form method=\"post\">\
             <button name=\"outcome\" value=\"approve\">Approve</button> \
             <button name=\"outcome\" value=\"reject\">Reject</button></form>"
        ),
        SimState::Succeeded | SimState::RequiresCapture => format!("<p>Approved: {amount}.</p>"),
        SimState::Processing => format!("<p>In progress: {amount}.</p>"),
        SimState::Failed | SimState::Canceled => format!("<p>Not paid: {amount}.</p>"),
    };
    shell(&what)
}

fn shell(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Simulated bank</title></head><body><main><h1>Simulated bank</h1>{body}\
         </main></body></html>"
    )
}
