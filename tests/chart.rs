//! The chart: what it renders, what it refuses, and that a real API server takes it.

use serde_json::Value;

use crate::support::{CHART, administrator, make_namespace, output, succeed};

/// Renders the chart.
fn render(set: &[&str]) -> Vec<Value> {
    let set: Vec<_> = set.iter().flat_map(|value| ["--set", value]).collect();
    let text = succeed("helm", &[&["template", "operator", CHART, "--namespace", "operators"], &set[..]].concat(), "");
    text.split("\n---")
        .filter_map(|document| serde_saphyr::from_str::<Value>(document.trim_start_matches("---")).ok())
        .filter(Value::is_object)
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

const EVERYTHING: [&str; 7] = [
    "replicas=2",
    "serviceMonitor.enabled=true",
    "networkPolicy.enabled=true",
    "allowedHosts={*.redshift.amazonaws.com,10.0.0.0/8}",
    "requireSecretHosts=true",
    "iamNamespaces={governance}",
    "caBundle.configMap=proxy-ca",
];

#[test]
fn the_linter_has_nothing_to_say() {
    for set in ["replicas=1", "watchNamespaces={one,two}"] {
        let words = succeed("helm", &["lint", "--strict", CHART, "--set", set], "");
        assert!(words.contains("0 chart(s) failed") && !words.contains("[WARNING]"), "{words}");
    }
}

#[test]
fn a_misspelt_or_mistaken_value_is_refused_by_name() {
    for (set, named) in [
        ("watchNamespace={one}", "watchNamespace"),
        ("replicas=many", "replicas"),
        ("log.format=xml", "format"),
        ("watchNamespaces=one", "watchNamespaces"),
        ("concurrency=0", "concurrency"),
        ("concurrency=60000", "concurrency"),
        ("watchNamespaces={A_B}", "watchNamespaces"),
        ("terminationGracePeriodSeconds=10", "terminationGracePeriodSeconds"),
        ("image.digest=latest", "digest"),
    ] {
        let (taken, words) = output("helm", &["template", "operator", CHART, "--set", set], "");
        assert!(!taken && words.contains(named), "{set}: {words}");
    }
}

#[test]
fn an_operator_for_some_namespaces_has_no_rights_on_the_cluster() {
    let objects = render(&["watchNamespaces={one,two}"]);
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert!(of_kind(&objects, kind).is_empty(), "{kind}");
    }
    let namespaces: Vec<_> = of_kind(&objects, "Role")
        .iter()
        .map(|role| role["metadata"]["namespace"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(namespaces, ["one", "two", "operators"]);
    let arguments = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(arguments.as_array().unwrap().contains(&"--watch-namespaces=one,two".into()), "{arguments}");
}

#[test]
fn the_operator_has_the_rights_it_needs_and_no_others() {
    let mut rules = Vec::new();
    for object in render(&[]) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        // Roles for people, by aggregation.
        if ["-view", "-edit", "-data-owner", "-identity", "-governor"].iter().any(|role| name.ends_with(role)) {
            continue;
        }
        for rule in object["rules"].as_array().into_iter().flatten() {
            let list = |key: &str| {
                let values = rule[key].as_array().cloned().unwrap_or_default();
                values.iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(",")
            };
            rules.push(format!("{}: {} [{}]", list("resources"), list("verbs"), list("resourceNames")));
        }
    }
    rules.sort();
    assert_eq!(
        rules,
        [
            "configmaps: get,list,watch []",
            "events: create []",
            "leases: create []",
            "leases: get,update [operator-redshift-integration-operator]",
            "redshiftintegrations,redshiftdatasources: get,list,watch,patch []",
            "redshiftintegrations/status,redshiftdatasources/status,redshiftuserprofiles/status,redshiftuserprofilesources/status: \
             update []",
            "redshiftuserprofiles,redshiftuserprofilesources: get,list,watch []",
            "secrets: get,list,watch,create,patch,delete []",
        ]
    );
}

#[test]
fn data_owners_and_who_keeps_identities_are_different_people() {
    const ALL: &str = "create delete deletecollection get list patch update watch";
    const LOOK: &str = "get list watch";
    const TO_GOVERNOR: &str = "redshift-governance.dev/aggregate-to-governor";
    let name = |role: &str| format!("operator-redshift-integration-operator-{role}");
    let objects = render(&[]);
    let roles = of_kind(&objects, "ClusterRole");
    let of = |role: &str| *roles.iter().find(|object| object["metadata"]["name"] == name(role)).expect(role);
    // Each kind with what may be done to it.
    let rights = |role: &str| {
        let mut rights = Vec::new();
        for rule in of(role)["rules"].as_array().unwrap() {
            assert_eq!(rule["apiGroups"], serde_json::json!(["redshift-governance.dev"]), "{role}");
            assert!(rule["resourceNames"].is_null() && rule["nonResourceURLs"].is_null(), "{role}");
            let list = |key: &str| {
                rule[key].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let mut verbs = list("verbs");
            verbs.sort();
            rights.extend(list("resources").into_iter().map(|resource| (resource, verbs.join(" "))));
        }
        rights.sort();
        rights
    };
    let expected = |rights: &[(&str, &str)]| {
        rights.iter().map(|(resource, verbs)| ((*resource).to_owned(), (*verbs).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(rights("data-owner"), expected(&[("redshiftdatasources", ALL), ("redshiftintegrations", LOOK)]));
    let profiles = [("redshiftuserprofiles", ALL), ("redshiftuserprofilesources", ALL)];
    assert_eq!(rights("identity"), expected(&[&[("redshiftintegrations", LOOK)], &profiles[..]].concat()));
    let all = [("redshiftdatasources", LOOK), ("redshiftuserprofiles", LOOK), ("redshiftuserprofilesources", LOOK)];
    assert_eq!(rights("policy-views-view"), expected(&all));
    // A governor is both of them, and nobody gets either in passing with the cluster's own roles.
    let selectors = &of("governor")["aggregationRule"]["clusterRoleSelectors"];
    assert_eq!(*selectors, serde_json::json!([{"matchLabels": {TO_GOVERNOR: "true"}}]));
    assert_eq!(rights("governor"), []);
    for (role, labels) in [
        ("data-owner", &[TO_GOVERNOR][..]),
        ("identity", &[TO_GOVERNOR]),
        ("governor", &[]),
        ("policy-views-view", &["rbac.authorization.k8s.io/aggregate-to-view"]),
        ("view", &["rbac.authorization.k8s.io/aggregate-to-view"]),
        ("edit", &["rbac.authorization.k8s.io/aggregate-to-admin", "rbac.authorization.k8s.io/aggregate-to-edit"]),
    ] {
        let given =
            of(role)["metadata"]["labels"].as_object().unwrap().keys().filter(|label| label.contains("/aggregate-to-"));
        assert_eq!(given.collect::<Vec<_>>(), labels, "{role}");
    }
    assert_eq!(rights("edit").len(), 1, "who may edit integrations may edit nothing else");
    // Nobody is bound to any of them, and whoever wants none of them gets none.
    let bound = of_kind(&objects, "ClusterRoleBinding");
    assert!(bound.iter().all(|binding| binding["roleRef"]["name"] == "operator-redshift-integration-operator"));
    let roles = ["data-owner", "identity", "governor", "policy-views-view", "view", "edit"].map(name);
    for set in ["aggregateRoles=false", "watchNamespaces={one}"] {
        let objects = render(&[set]);
        let there =
            objects.iter().filter(|object| roles.iter().any(|role| object["metadata"]["name"] == role.as_str()));
        assert_eq!(there.count(), 0, "{set}");
    }
}

#[test]
fn the_pod_can_do_nothing_it_does_not_need() {
    let objects = render(&[]);
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "http");
    }
}

#[test]
fn a_pod_has_the_time_to_finish_a_pass_and_to_give_the_lease_back() {
    for (set, grace, passes) in [(&[][..], 150, 135), (&["terminationGracePeriodSeconds=60"], 60, 45)] {
        let objects = render(set);
        let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
        assert_eq!(pod["terminationGracePeriodSeconds"], grace);
        let argument = format!("--shutdown-timeout-seconds={passes}");
        assert!(pod["containers"][0]["args"].as_array().unwrap().contains(&argument.into()), "{pod}");
    }
}

#[test]
fn pods_that_stand_by_are_protected_and_a_single_one_does_not_block_a_drain() {
    assert!(of_kind(&render(&[]), "PodDisruptionBudget").is_empty());
    assert_eq!(of_kind(&render(&["replicas=2"]), "PodDisruptionBudget").len(), 1);
}

#[test]
fn the_definition_stays_when_the_release_goes() {
    let objects = render(&[]);
    let crd = of_kind(&objects, "CustomResourceDefinition");
    assert_eq!(crd[0]["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert!(of_kind(&render(&["crds.enabled=false"]), "CustomResourceDefinition").is_empty());
    let given_up = render(&["crds.keep=false"]);
    assert!(of_kind(&given_up, "CustomResourceDefinition")[0]["metadata"]["annotations"].is_null());
}

#[test]
fn the_arguments_are_ones_that_the_operator_takes() {
    let binary = env!("CARGO_BIN_EXE_redshift-integration-operator");
    for set in [&[][..], &EVERYTHING, &["watchNamespaces={one}", "log.level=debug"]] {
        let objects = render(set);
        let arguments = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
        let mut arguments: Vec<_> = arguments.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        // It is told its whole command line, and only then that it is to say what it is.
        arguments.push("--help");
        let (taken, words) = output(binary, &arguments, "");
        assert!(taken && words.contains("--watch-namespaces"), "{words}");
        arguments.pop();
        for argument in &arguments[1..] {
            let name = argument.split('=').next().unwrap();
            assert!(words.contains(name), "{name} is no argument of the operator's");
        }
    }
}

#[tokio::test]
async fn a_real_api_server_takes_all_of_it() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    for set in [&[][..], &EVERYTHING] {
        for object in render(set) {
            // Its kind belongs to the Prometheus operator.
            if object["kind"] == "ServiceMonitor" {
                continue;
            }
            let mut object = object;
            if object["metadata"]["namespace"] == "operators" {
                object["metadata"]["namespace"] = namespace.as_str().into();
            }
            succeed("kubectl", &["apply", "--dry-run=server", "-f", "-"], &object.to_string());
        }
    }
}

#[tokio::test]
async fn the_samples_are_taken() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let folder = format!("{}/deploy/samples", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let text = text.replace("namespace: data-platform", &format!("namespace: {namespace}"));
        succeed("kubectl", &["apply", "--dry-run=server", "-f", "-"], &text);
    }
}
