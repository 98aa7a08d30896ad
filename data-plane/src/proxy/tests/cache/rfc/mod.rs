//! RFC 9111, 5861, 9211 and 9213 over real sockets, rule by rule.
//!
//! A case names its section and what the section asks for, and has a script:
//!
//! | line | means |
//! | --- | --- |
//! | `: default_ttl 10` | the policy, in words of [`policy`] |
//! | `> GET /a | Name: value` | a client asks |
//! | `? Name: value | !Name` | what the origin has to be asked with, and without |
//! | `= 200 | Name: value` | the origin's answer, whose body says which answer of the script it is |
//! | `< 200 #1 | Name: value | !Name | Name ~ piece` | what the client has to get: the body of which answer, which fields |
//! | `+ 60` | so many seconds pass |
//! | `~` | what was asked for in the background has been stored |
//!
//! Where there is no `=`, the origin must not be asked. `@60` in a value is the date 60 seconds after the
//! script began; answers have a `Date`, unless they say `!Date`.

mod directives;
mod freshness;
mod invalidation;
mod others;
mod runner;
mod script;
mod storing;
mod validation;
mod vary;

/// A rule and a script that breaks it if the gateway does.
type Case = (&'static str, &'static str);

/// Every case of one part of the suite; says of all that fail how they do.
async fn run(cases: &[Case]) {
    let mut failures = Vec::new();
    for (rule, script) in cases {
        if let Err(why) = runner::run(script).await {
            failures.push(format!("{rule}: {why}"));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
    eprintln!("{} cases pass", cases.len());
}
