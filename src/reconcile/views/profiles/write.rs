//! Writes profiles: into tables of the session first, then all of them in one transaction.

use std::collections::BTreeSet;

use super::super::{Pass, line::Line};
use super::files;
use super::gather::{Difference, Profiles, profile_of};
use crate::api::Reason;
use crate::lifecycle::Failure;
use crate::policy::profiles::read::read;
use crate::policy::profiles::{Kind, Profile};
use crate::ports::World;
use crate::reconcile::integration::Error;
use crate::scripts::{Fragment, Parameters, QuoteError, RenderError, Section, quote_literal};

/// How much one statement brings, in bytes; Redshift takes 16 MB.
const LONGEST_INSERT: usize = 2 * 1024 * 1024;

/// Rows that wait to be sent.
#[derive(Default)]
struct Incoming(String);

impl Incoming {
    async fn add<W: World>(&mut self, line: &Line<W>, row: &str) -> Result<(), Error> {
        if self.0.len() + row.len() > LONGEST_INSERT {
            self.send(line).await?;
        }
        if !self.0.is_empty() {
            self.0.push_str(",\n");
        }
        self.0.push_str(row);
        Ok(())
    }

    async fn send<W: World>(&mut self, line: &Line<W>) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows = Fragment::new(std::mem::take(&mut self.0));
        line.run(Section::IncomingRows, &Parameters::new().fragment("rows", rows)).await
    }

    /// All that a user is to have, and that what he has goes.
    async fn add_profile<W: World>(&mut self, line: &Line<W>, profile: &Profile, origin: &str) -> Result<(), Error> {
        let user = quoted(profile.user())?;
        let (groups, attributes) = (quoted(&profile.groups_json())?, quoted(&profile.attributes_json())?);
        self.add(line, &format!("({user}, 'x', '', ''), ({user}, 'G', '', {groups}), ({user}, 'A', '', {attributes})"))
            .await?;
        for entitlement in profile.entitlements() {
            let name = if entitlement.kind == Kind::User { origin } else { entitlement.name };
            let (name, value) = (quoted(name)?, quoted(entitlement.value)?);
            let kind = entitlement.kind.letter();
            self.add(line, &format!("({user}, '{kind}', {name}, {value})")).await?;
        }
        Ok(())
    }
}

fn quoted(text: &str) -> Result<String, Error> {
    let refused =
        |source: QuoteError| RenderError::Quote { statement: "write-incoming", parameter: "rows".to_owned(), source };
    Ok(quote_literal(text).map_err(refused)?)
}

impl Profiles {
    /// Brings what is to be written into tables of the session. Nobody waits for that.
    pub async fn bring<W: World>(
        &self,
        pass: &Pass<'_, W>,
        line: &Line<W>,
        difference: &Difference,
    ) -> Result<(), Error> {
        line.run(Section::Incoming, &Parameters::new()).await?;
        let mut incoming = Incoming::default();
        for user in &difference.removed {
            incoming.add(line, &format!("({}, 'x', '', '')", quoted(user)?)).await?;
        }
        let mut left = difference.written.clone();
        for (object, _) in &self.single {
            if let Ok(profile) = profile_of(object)
                && left.contains(profile.user())
            {
                self.bring_one(line, &profile, &mut incoming, &mut left).await?;
            }
        }
        self.bring_from_files(pass, line, &mut incoming, &mut left).await?;
        if !left.is_empty() {
            // Somebody has changed a file since it was read; the next pass reads it again.
            return Err(
                Failure::waiting(Reason::FilesUnreadable, "a file of profiles was changed while it was read").into()
            );
        }
        incoming.send(line).await
    }

    async fn bring_one<W: World>(
        &self,
        line: &Line<W>,
        profile: &Profile,
        incoming: &mut Incoming,
        left: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        let Some((digests, spot)) = self.wanted.get(profile.user()) else { return Ok(()) };
        if profile.digests() != *digests || !left.remove(profile.user()) {
            return Ok(());
        }
        incoming.add_profile(line, profile, &self.origin_name(*spot)).await
    }

    async fn bring_from_files<W: World>(
        &self,
        pass: &Pass<'_, W>,
        line: &Line<W>,
        incoming: &mut Incoming,
        left: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        let kubernetes = &pass.context.kubernetes;
        // Only those ConfigMaps that name somebody who is to be written.
        let mut needed: BTreeSet<(usize, &str)> = BTreeSet::new();
        for user in left.iter() {
            let Some((_, spot)) = self.wanted.get(user) else { continue };
            let Some(source) = (spot.origin as usize).checked_sub(self.single.len()) else { continue };
            let Some((name, _)) = self.sources[source].1.files.get(spot.file as usize) else { continue };
            needed.insert((source, name.as_str()));
        }
        for (index, name) in needed {
            let source = &self.sources[index].0;
            let Ok(files) = files::read(kubernetes, source, name).await? else { continue };
            for file in files {
                for record in read(source.spec.format, &file.name, &file.content) {
                    let Ok(record) = record else { break };
                    let Ok(profile) = record.profile else { continue };
                    if left.contains(profile.user()) {
                        self.bring_one(line, &profile, incoming, left).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes from users what they are to lose: before views open, and not after.
    pub async fn take_away<W: World>(&self, line: &mut Line<W>) -> Result<(), Error> {
        line.begin_large().await?;
        line.run(Section::TakeAway, &Parameters::new()).await?;
        line.commit().await
    }

    /// Writes what they are to have.
    pub async fn write<W: World>(&self, line: &mut Line<W>) -> Result<(), Error> {
        line.begin_large().await?;
        line.run(Section::WriteProfiles, &Parameters::new()).await?;
        line.commit().await
    }
}
