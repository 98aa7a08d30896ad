//! RFC 9111, 5861, 9211 and 9213 over real sockets, rule by rule.
//!
//! A case names its section and what the section asks for, and has a script:
//!
//! | line | means |
//! | --- | --- |
//! | `: default_ttl 10` | the policy, in words of [`policy`] |
//! | `> GET /a | Name: value` | a client asks |
//! | `? Name: value | !Name` | what the origin has to be asked with, and without |
//! | `= 200 | Name: value` | the origin's answer, whose body says which answer of the script it is; with `= 103, 200` there is another in front, and `^Name: value` is a trailer |
//! | `< 200 #1 | Name: value | !Name | Name ~ piece` | what the client has to get: the body of which answer, which fields |
//! | `+ 60` | so many seconds pass |
//! | `~` | what was asked for in the background has been stored |
//!
//! Where there is no `=`, the origin must not be asked. `@60` in a value is the date 60 seconds after the
//! script began; answers have a `Date`, unless they say `!Date`.
//!
//! There are 191 cases; one may be of two sections:
//!
//! | section | cases | |
//! | --- | --- | --- |
//! | 9111 §1.2.2 | 1 | numbers |
//! | 9111 §3 to §3.5 | 17, 7, 3, 4, 2, 5 | storing: what, fields, updates, what is not whole, parts, credentials |
//! | 9111 §4, §4.1 | 7, 13 | reuse, and `Vary` |
//! | 9111 §4.2 to §4.2.4 | 1, 6, 5, 4, 1 | freshness: lifetimes, heuristics, age, stale responses |
//! | 9111 §4.3.1 to §4.3.5 | 5, 6, 5, 4, 3 | validation, of the origin and of clients; 304, HEAD |
//! | 9111 §4.4 | 9 | invalidation |
//! | 9111 §5.1, §5.3, §5.4 | 3, 3, 1 | `Age`, `Expires`, `Pragma` |
//! | 9111 §5.2, §5.2.3 | 5, 1 | `Cache-Control`, and what is not known of it |
//! | 9111 §5.2.1.1 to §5.2.1.7 | 2, 2, 1, 1, 1, 1, 1 | directives of requests |
//! | 9111 §5.2.2.1 to §5.2.2.10 | 1, 2, 1, 3, 1, 1, 2, 1, 1, 2 | directives of responses |
//! | 5861 §3, §4 | 6, 6 | stale while it is validated, and where the origin fails |
//! | 9211 §2 to §2.5, §2.8 | 2, 1, 6, 2, 1, 2, 1 | `Cache-Status`; §2.6 takes several clients: `coalescing` |
//! | 9213 §2 to §2.2, §3.1 | 1, 8, 1, 1 | `CDN-Cache-Control` |
//! | 9110 §6.6.1, §9.3.2, §13, §14.2, §15.4.5 | 1, 1, 4, 1, 1 | what the RFCs above build on |
//! | 9111 §7.1 | 1 | cache poisoning |
//! | what the issue asks for beside them | 3 | |
//!
//! What needs several clients at once, or a connection that breaks, is in the stories beside this. §5.5
//! (`Warning` is obsolete), §6 and §7 ask for nothing that a message shows. A cache that has no clock
//! (§4) does not exist here.

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
