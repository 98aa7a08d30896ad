//! The routes that the README shows, and what it says that `explain` says of them.

use crate::harness::Gateway;

const README: &str = include_str!("../../../README.md");
/// The services that it does not show. What leads somewhere has something healthy behind it.
const OTHERS: &str = r#"
  - {name: users, endpoints: [{address: "127.0.0.1:9003"}], health_check: {disabled: true}}
  - {name: shadow, endpoints: [{address: "127.0.0.1:9004"}], health_check: {disabled: true}}
"#;
/// Spellings of what `admin` keeps away that some servers read as that; no route takes them.
const ODD: [&str; 6] =
    ["//admin/users", "/admin;x/users", "/%2Fadmin", "/x/..%2Fadmin/users", r"/x\..\admin", "/admin%2Fusers"];

/// The words of a line of a shell, of which some are in single quotes.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('\'').enumerate().flat_map(|(number, piece)| match number % 2 {
        0 => piece.split_whitespace().map(str::to_owned).collect(),
        _ => vec![piece.to_owned()],
    });
    pieces.collect()
}

/// A text without what only makes it look as it does, so that a table's row and a sentence compare.
fn bare(text: &str) -> String {
    let kept = text.to_lowercase().replace([':', '`'], " ");
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the README shows of the screen of this command, and what there is.
fn shown<'s>(section: &'s str, command: &str, told: &'s str) -> [Vec<&'s str>; 2] {
    let (_, shown) = section.split_once(&format!("\n$ gatewayctl {command}\n")).unwrap();
    let (shown, _) = shown.split_once("\n```\n").unwrap();
    // Which data plane was asked, and what it serves, is another each time.
    [shown, told.trim_end()].map(|text| text.lines().filter(|line| !line.starts_with("Asked:")).collect())
}

#[tokio::test]
async fn the_readme_tells_the_truth_about_its_routes() {
    let gateway = Gateway::start().await;
    let (_, section) = README.split_once("\n## Routes\n").unwrap();
    let (_, yaml) = section.split_once("\n```yaml\n").unwrap();
    let (yaml, _) = yaml.split_once("\n```\n").unwrap();
    let (services, routes) = yaml.split_once("\nroutes:\n").unwrap();
    let healthy = "ambiguous_paths: refuse, health_check: {disabled: true}}";
    let services = services.replace("ambiguous_paths: refuse}", healthy);
    assert_eq!(services.matches(healthy).count(), 2, "{services}");
    gateway.apply(&format!("{services}{OTHERS}routes:\n{routes}\n")).await.ok();
    for path in ODD {
        let url = format!("http://shop.example.com{path}");
        let told = gateway.ctl(&["explain", "GET", &url]).await.ok().stdout;
        let verdict = told.lines().nth(1).unwrap_or_default();
        assert!(verdict.starts_with("is refused with bad_request: "), "{path}\n{told}");
    }
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    let rows: Vec<_> = rows
        .skip_while(|(_, says)| *says != "says")
        .skip(1)
        .take_while(|(request, _)| request.contains("http://"))
        .collect();
    assert_eq!(rows.len(), 11, "{rows:?}");
    for (request, says) in rows {
        let args = words(request);
        let args: Vec<_> = ["explain"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let told = gateway.ctl(&args).await.ok().stdout;
        let (verdict, details) = says.split_once(';').unwrap_or((says, ""));
        assert_eq!(told.lines().nth(1), Some(&*verdict.replace('`', "")), "{request}\n{told}");
        let screen = bare(&told);
        for detail in details.split([';', ',']) {
            assert!(screen.contains(&bare(detail)), "{request}: {detail:?} is missing\n{told}");
        }
    }
    let command = "explain GET http://shop.example.com/checkout/pay";
    let args: Vec<_> = command.split(' ').collect();
    let told = gateway.ctl(&args).await.ok().stdout;
    let [shown, told] = shown(section, command, &told);
    assert_eq!(shown, told);
}
