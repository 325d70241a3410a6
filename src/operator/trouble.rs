//! Why the API server can't be used, in words for an administrator, said once, and again only once it has worked meanwhile.

use std::collections::BTreeSet;

use kube::Error;
use kube::runtime::watcher;

/// How many reasons are remembered. More would be ones that differ from try to try.
const REMEMBERED: usize = 16;

/// What stands in the way of something that is tried again and again: the reasons since it worked last, which may take
/// turns.
#[derive(Debug, Default)]
pub struct Trouble(BTreeSet<String>);

impl Trouble {
    /// Notes why it failed; tells whether that is news.
    pub fn is_news(&mut self, why: &str) -> bool {
        self.0.len() < REMEMBERED && self.0.insert(why.to_owned())
    }

    /// Notes that it works; tells whether that is news.
    pub fn is_over(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}

/// Why a request failed.
#[must_use]
pub fn of_request(error: &Error) -> String {
    match error {
        Error::Api(status) => {
            let said = if status.message.is_empty() { &status.reason } else { &status.message };
            let hint = match status.code {
                401 => {
                    "; the credentials are not valid (any more): those of a service account are renewed by the kubelet, \
                     those of a kubeconfig have to be renewed there"
                }
                403 => "; apply the RBAC of the chart",
                _ => "",
            };
            format!("the API server refuses it ({}): {said}{hint}", status.code)
        }
        // What couldn't be read may be quoted by whoever tried.
        Error::SerdeError(_) | Error::FromUtf8(_) => "the API server's answer can't be read".to_owned(),
        other => {
            let mut parts = Vec::new();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let text = error.to_string();
                // Many repeat what caused them.
                if parts.last().is_none_or(|last: &String| !last.contains(&text)) {
                    parts.push(text);
                }
                cause = error.source();
            }
            if parts.is_empty() {
                parts.push(other.to_string());
            }
            format!("the API server can't be reached: {}", parts.join(": "))
        }
    }
}

/// Why a watch failed; nothing if it only has to begin anew, as happens when what it had seen last is too old.
#[must_use]
pub fn of_watch(error: &watcher::Error) -> Option<String> {
    const NO_DEFINITION: &str =
        "the CustomResourceDefinition isn't there; apply it, and the operator goes on by itself";
    match error {
        // There are Secrets in every cluster.
        watcher::Error::InitialListFailed(Error::Api(status))
        | watcher::Error::WatchStartFailed(Error::Api(status))
            if status.code == 404 =>
        {
            Some(NO_DEFINITION.to_owned())
        }
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => Some(of_request(source)),
        watcher::Error::WatchError(status) if status.code == 410 => None,
        watcher::Error::WatchError(status) => {
            Some(format!("the API server ended the watch ({}): {}", status.code, status.message))
        }
        watcher::Error::NoResourceVersion => Some("the API server's list has no version to watch from".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn it_is_said_once_and_again_when_it_changes() {
        let mut trouble = Trouble::default();
        assert!(!trouble.is_over());
        assert!(trouble.is_news("refused") && !trouble.is_news("refused"));
        assert!(trouble.is_news("not allowed"));
        assert!(!trouble.is_news("refused") && !trouble.is_news("not allowed"), "they take turns");
        assert!(trouble.is_over() && !trouble.is_over());
        assert!(trouble.is_news("refused"));
    }

    #[test]
    fn reasons_that_are_new_at_each_try_are_not_said_for_ever() {
        let mut trouble = Trouble::default();
        assert_eq!((0..1_000).filter(|number| trouble.is_news(&number.to_string())).count(), REMEMBERED);
    }

    #[test]
    fn an_answer_is_told_with_what_to_do() {
        let answer = |code| {
            let status = Status { code, message: "no".to_owned(), ..Status::default() };
            of_request(&Error::Api(Box::new(status)))
        };
        assert!(answer(401).contains("credentials"));
        assert!(answer(403).contains("RBAC of the chart"));
        assert_eq!(answer(500), "the API server refuses it (500): no");
    }
}
