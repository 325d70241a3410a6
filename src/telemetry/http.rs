//! The small HTTP server: metrics and health.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;

use super::{Health, Metrics};

/// Starts the server and returns the address it listens on.
pub async fn serve(address: SocketAddr, metrics: Metrics, health: Health) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let readiness = health.clone();
    let router = Router::new()
        .route(
            "/metrics",
            get(move || async move {
                ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())
            }),
        )
        .route("/healthz", get(move || async move { answer(health.health()) }))
        .route("/readyz", get(move || async move { answer(readiness.readiness()) }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
    Ok(bound)
}

fn answer(is_well: Result<(), String>) -> (StatusCode, String) {
    match is_well {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}
