//! Okta and AWS as a program: says where it listens and what it knows, as JSON, and ends with standard input.

use identity_stand_in::{Identity, Options};
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::default();
    let users: Vec<_> = options.users.iter().map(|(name, user)| (name.clone(), user.password.clone())).collect();
    let keys: Vec<_> = options.access_keys.iter().map(|key| (key.id.clone(), key.secret.clone())).collect();
    let container_token = options.container_token.clone();
    let identity = Identity::start(options).await?;
    let ready = serde_json::json!({
        "url": identity.url(),
        "containerUrl": identity.container_url(),
        "containerToken": container_token,
        "ca": identity.ca_pem(),
        "users": users,
        "accessKeys": keys,
    });
    println!("{ready}");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
