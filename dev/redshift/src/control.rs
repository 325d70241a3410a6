//! The control port: the journal and the faults over HTTP, in JSON.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | `ok` |
//! | `GET /ca` | the certificate authority, PEM |
//! | `GET /journal?since=N` | entries behind the N-th |
//! | `DELETE /journal` | forgets them |
//! | `GET /connections` | `{open, total}` |
//! | `GET /warehouses` | `[{connected, total}]`, one for each warehouse: clients, whether they have logged in or not |
//! | `GET /faults` | the faults that are set |
//! | `POST /faults` | sets one: `{"contains": "CREATE DATABASE", "action": {"kind": "dropAfter"}}`; the kinds are those of `faults::Action` |
//! | `DELETE /faults` | takes all back and lets go of what is held |
//! | `POST /release` | lets go of what is held |
//! | `POST /temporary-credentials` | makes some, `{"user": "awsuser", "login": "IAM:awsuser", "create": false, "seconds": 900}`, and answers `{"login", "password"}` |
//! | `POST /away`, `POST /back` | closes all connections and takes none; takes them again |

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::faults::Fault;
use crate::journal::Entry;
use crate::temporary::TemporaryCredentials;

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

/// The routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/ca", get(|State(shared): State<Arc<Shared>>| async move { shared.ca_pem.clone() }))
        .route(
            "/journal",
            get(journal).delete(|State(shared): State<Arc<Shared>>| async move { shared.journal.clear() }),
        )
        .route("/connections", get(connections))
        .route("/warehouses", get(warehouses))
        .route(
            "/faults",
            get(faults).post(set).delete(|State(shared): State<Arc<Shared>>| async move { shared.faults.clear() }),
        )
        .route("/release", post(|State(shared): State<Arc<Shared>>| async move { shared.faults.release() }))
        .route("/temporary-credentials", post(temporary_credentials))
        .route("/away", post(|State(shared): State<Arc<Shared>>| async move { shared.set_away(true) }))
        .route("/back", post(|State(shared): State<Arc<Shared>>| async move { shared.set_away(false) }))
        .with_state(shared)
}

async fn journal(State(shared): State<Arc<Shared>>, Query(Since { since }): Query<Since>) -> Json<Vec<Entry>> {
    Json(shared.journal.since(since))
}

async fn connections(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let (open, total) = shared.connections();
    Json(json!({"open": open, "total": total}))
}

async fn warehouses(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let counts = shared.warehouses.iter().map(|warehouse| warehouse.connections());
    Json(counts.map(|(connected, total)| json!({"connected": connected, "total": total})).collect())
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let faults = shared.faults.list();
    Json(faults.into_iter().map(|(id, fault, fired)| json!({"id": id, "fault": fault, "fired": fired})).collect())
}

async fn set(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> Json<Value> {
    Json(json!({"id": shared.faults.set(fault)}))
}

async fn temporary_credentials(
    State(shared): State<Arc<Shared>>,
    Json(wanted): Json<TemporaryCredentials>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let login = wanted.login.clone();
    match shared.temporary.issue(wanted) {
        Ok(password) => Ok(Json(json!({"login": login, "password": password}))),
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
    }
}
