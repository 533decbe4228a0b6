//! A small CronFlow API, protected by CronFlow Access: jobs that really run, queues, executions and their logs, workers,
//! webhook configuration. In memory, on purpose: it shows how an API is protected, not how one is built to last.
//!
//! Reading order: [`settings`], [`door`] (who is let in, and as whom), [`api`] (the routes), [`plant`] (what runs).

mod api;
mod door;
mod plant;
mod problem;
mod settings;

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;

use crate::plant::Plants;
use crate::settings::{HELP, Settings};

fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(Some(settings)) => settings,
        Ok(None) => return say(&mut std::io::stdout(), HELP, ExitCode::SUCCESS),
        Err(error) => return say(&mut std::io::stderr(), &format!("error: {error}\n"), ExitCode::from(64)),
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_max_level(tracing::Level::INFO).init();
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&mut std::io::stderr(), &format!("error: {error}\n"), ExitCode::FAILURE),
    }
}

#[tokio::main]
async fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let router = door::protect(api::router(Plants::default()), &settings)?;
    let listener = TcpListener::bind(settings.listen).await?;
    tracing::info!("serving on http://{}", listener.local_addr()?);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(told_to_stop()).await?;
    Ok(())
}

async fn told_to_stop() {
    // Without signals it goes on until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

fn say(to: &mut impl std::io::Write, text: &str, code: ExitCode) -> ExitCode {
    // Nobody may be reading.
    let _ = to.write_all(text.as_bytes());
    code
}
