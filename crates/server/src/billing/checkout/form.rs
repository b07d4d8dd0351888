//! What the page says.

use std::fmt::Write as _;

use farebox_providers::IN_BROWSER;
use farebox_store::billing::{Checkout, Plan};

use super::{
    super::pages::escaped,
    due::{Methods, amount, each},
    script::Script,
    standing::Standing,
};

/// What is sold, for whom it is shown.
pub(super) struct Sale<'a> {
    pub(super) checkout: &'a Checkout,
    pub(super) plan: &'a Plan,
    pub(super) methods: Option<Methods>,
    pub(super) simulated: bool,
    /// The provider's script, where it has one here.
    pub(super) script: Option<Script<'a>>,
}

impl Sale<'_> {
    /// The page's body.
    pub(super) fn body(&self, standing: &Standing) -> String {
        let what = self.what();
        match standing {
            Standing::Open(why) => format!("{what}{}{}", alert(why.as_deref()), self.form()),
            Standing::Bank(url) => format!(
                "{what}<p role=\"status\">Your bank wants you to confirm this payment.</p>\
                 <p><a class=\"button\" href=\"{}\">Continue at your bank</a></p>\
                 <form method=\"post\"><button name=\"decision\" value=\"another\">Use another method</button></form>",
                escaped(url)
            ),
            Standing::Scripted(row) => match &self.script {
                Some(script) => format!("{what}{}", script.body(row, &self.plan.name)),
                None => what,
            },
            Standing::Unknown => format!(
                "{what}<p role=\"status\">We are finding out whether the payment went through. Please do not pay again: this page \
                 looks again by itself.</p>"
            ),
            Standing::Over { goes_back: true } => {
                "<p role=\"status\">This checkout was over when the payment came. The money goes back in full.</p>"
                    .to_owned()
            }
            Standing::Over { goes_back: false } => "<p role=\"status\">This checkout is over.</p>".to_owned(),
            Standing::Done(url) => format!("<p role=\"status\">Paid. <a href=\"{}\">Go on</a></p>", escaped(url)),
        }
    }

    fn what(&self) -> String {
        let due = self.checkout.due.as_ref().map(|due| amount(due.minor, &due.currency));
        let period = each(self.plan);
        let price = match (due, self.checkout.trial_days) {
            (Some(due), _) => format!("<strong>{due}</strong> now, and {period} from then on"),
            (None, 0) => "nothing now; what is used is paid for afterwards".to_owned(),
            (None, days) => format!("free for {days} days; then {} {period}", self.later()),
        };
        let note = if self.simulated { "<p class=\"note\">Test mode: no real money moves here.</p>" } else { "" };
        format!("{note}<h2>{}</h2><p>{price}</p>", escaped(&self.plan.name))
    }

    fn later(&self) -> String {
        let own = self.plan.prices.iter().find(|price| price.feature.is_none() && price.amount > 0);
        own.map_or_else(|| "what is used,".to_owned(), |price| amount(price.amount, &price.currency))
    }

    fn form(&self) -> String {
        let mut form = "<form method=\"post\">".to_owned();
        match &self.methods {
            Some(Methods::Listed(list)) => {
                form.push_str("<label for=\"method\">Payment method</label><select id=\"method\" name=\"method\" required>");
                for (id, does) in list {
                    let _ = write!(form, "<option value=\"{0}\">{0}: {1}</option>", escaped(id), escaped(does));
                }
                form.push_str("</select>");
            }
            Some(Methods::Typed) => form.push_str(
                "<label for=\"method\">Payment method's id</label><input id=\"method\" name=\"method\" required maxlength=\"128\" \
                 autocomplete=\"off\" spellcheck=\"false\" placeholder=\"pm_card_visa\">",
            ),
            Some(Methods::Scripted) => {
                let _ = write!(form, "<input type=\"hidden\" name=\"method\" value=\"{IN_BROWSER}\">");
            }
            None => {}
        }
        let due = self.checkout.due.as_ref().map(|due| format!("Pay {}", amount(due.minor, &due.currency)));
        let _ = write!(
            form,
            "<p><button class=\"main\" name=\"decision\" value=\"pay\">{}</button> \
             <button name=\"decision\" value=\"leave\" formnovalidate>Go back</button></p></form>",
            due.as_deref().unwrap_or("Begin")
        );
        form
    }
}

fn alert(why: Option<&str>) -> String {
    why.map(|why| format!("<p role=\"alert\">{}</p>", escaped(why))).unwrap_or_default()
}
