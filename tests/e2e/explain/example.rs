//! The example that the README shows, and what the README says of it.

use crate::harness::Gateway;

const EXAMPLE: &str = include_str!("../../../examples/routes.yaml");
const README: &str = include_str!("../../../README.md");

/// What is told of each request, in a sentence.
const VERDICTS: [(&[&str], &str); 11] = [
    (&["GET", "http://shop.example.com/"], "goes to shop 95%, shop-v2 5%, by route canary"),
    (&["GET", "http://shop.example.com/", "-H", "X-Beta: 1"], "goes to shop-v2, by route beta"),
    (&["GET", "http://shop.example.com/api/items?page=2"], "goes to api, by route api"),
    (&["PUT", "http://shop.example.com/api/items/7"], "goes to api, by route api-write"),
    (&["GET", "http://shop.example.com/users/7/orders"], "goes to orders, by route orders"),
    (&["GET", "http://shop.example.com/images/a.png"], "goes to images, by route images"),
    (
        &["GET", "http://shop.example.com/catalogue/a?b"],
        "is redirected to http://shop.example.com/items/a?b with 301, by route moved",
    ),
    (&["GET", "http://www.example.com/a"], "is redirected to https://shop.example.com/a with 308, by route www"),
    (&["GET", "http://shop.example.com/x/../%61dmin"], "is answered with 403 by the gateway itself, by route admin"),
    (&["GET", "http://fr.eu.shop.example.com/"], "is answered with 503 by the gateway itself, by route maintenance"),
    (&["GET", "http://uk.shop.example.com/"], "goes to shop, which owns the host; no route matches"),
];

#[tokio::test]
async fn the_readme_tells_the_truth_about_its_routes() {
    let gateway = Gateway::start().await;
    gateway.apply(EXAMPLE).await.ok();
    for (request, verdict) in VERDICTS {
        let told = gateway.ctl(&[&["explain"], request].concat()).await.ok().stdout;
        assert_eq!(told.lines().nth(1), Some(verdict), "{told}");
        let typed =
            request.iter().map(|word| if word.contains([' ', '?']) { format!("'{word}'") } else { (*word).to_owned() });
        let typed = format!("$ gatewayctl explain {}", typed.collect::<Vec<_>>().join(" "));
        let quoted = |line: &&str| *line == typed || line.strip_suffix(" | head -2") == Some(&typed);
        let shown = README.lines().skip_while(|line| !quoted(line)).nth(2);
        assert_eq!(shown, Some(verdict), "the README shows something else behind {typed:?}");
    }
}
