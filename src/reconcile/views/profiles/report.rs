//! What is said of profiles.

use super::super::Pass;
use super::super::resources::{self, Reported};
use super::gather::{Gathered, Profiles};
use crate::api::{
    Reason, RedshiftUserProfile, RedshiftUserProfileSource, RedshiftUserProfileSourceStatus, RedshiftUserProfileStatus,
};
use crate::lifecycle::verdict::{Verdict, conditions};
use crate::lifecycle::{Category, Failure, brief};
use crate::ports::{Host, Key, World};
use crate::reconcile::integration::Error;

impl Profiles {
    /// Writes what there is to say.
    pub async fn report<W: World>(&self, pass: &Pass<'_, W>) -> Result<(), Error> {
        resources::tell_all(pass, &self.single, |(object, failure)| report_single(pass, object, failure.as_ref()))
            .await?;
        for (object, gathered) in &self.sources {
            self.report_source(pass, object, gathered).await?;
        }
        let refused = self.sources.iter().map(|(_, gathered)| gathered.refused_count as usize).sum::<usize>()
            + self.single.iter().filter(|(_, failure)| failure.is_some()).count();
        let Key { namespace, name } = pass.key;
        pass.context.metrics.profile_users(namespace, name, self.wanted.len(), refused);
        Ok(())
    }

    async fn report_source<W: World>(
        &self,
        pass: &Pass<'_, W>,
        object: &RedshiftUserProfileSource,
        gathered: &Gathered,
    ) -> Result<(), Error> {
        let mut status = object.status().cloned().unwrap_or_default();
        let verdict = if let Some(failure) = &gathered.failure {
            Verdict::Not(failure.clone())
        } else {
            status.users = Some(gathered.users);
            status.content_hash = Some(gathered.content_hash.clone());
            let (users, files) = (gathered.users, gathered.files.len());
            let refused = match gathered.refused_count {
                0 => String::new(),
                refused => format!("; {refused} have none, see status.refused"),
            };
            let (users, files) = (
                brief::count(users as usize, "user has a profile", "users have profiles"),
                brief::count(files, "file", "files"),
            );
            Verdict::Done(Reason::Applied, format!("{users} from {files}{refused}"))
        };
        status.refused_count = Some(gathered.refused_count);
        status.refused.clone_from(&gathered.refused);
        if let Verdict::Not(failure) = &verdict {
            pass.warn(object, failure.reason, failure.said());
        }
        write_source(pass, object, status, &verdict, true).await
    }
}

/// Nothing can be done in the warehouse. What can't be looked at for a moment is the integration's to tell.
pub async fn report_failure<W: World>(pass: &Pass<'_, W>, why: &Failure) -> Result<(), Error> {
    let verdict = Verdict::Not(why.clone());
    let is_passing = why.category == Category::Transient;
    let was_applied = |object: &RedshiftUserProfile| {
        object.status().is_some_and(|status| status.observed_generation == generation(object.metadata.generation))
    };
    let profiles: Vec<_> =
        pass.resources.profiles.iter().filter(|object| !(is_passing && was_applied(object))).collect();
    resources::tell_all(pass, &profiles, |object| write_profile(pass, object, &verdict, true)).await?;
    for object in &pass.resources.profile_sources {
        let status = object.status().cloned().unwrap_or_default();
        if !(is_passing && status.users.is_some()) {
            write_source(pass, object, status, &verdict, true).await?;
        }
    }
    Ok(())
}

fn generation(of: Option<i64>) -> i64 {
    of.unwrap_or_default()
}

async fn report_single<W: World>(
    pass: &Pass<'_, W>,
    object: &RedshiftUserProfile,
    failure: Option<&Failure>,
) -> Result<(), Error> {
    let verdict = match failure {
        Some(failure) => Verdict::Not(failure.clone()),
        None => Verdict::Done(Reason::Applied, format!("{} has this profile", object.spec.user)),
    };
    write_profile(pass, object, &verdict, false).await
}

async fn write_profile<W: World>(
    pass: &Pass<'_, W>,
    object: &RedshiftUserProfile,
    verdict: &Verdict,
    works_on: bool,
) -> Result<(), Error> {
    let before = object.status().cloned().unwrap_or_default();
    let (observed_generation, now) = (generation(object.metadata.generation), pass.context.host.now());
    let (conditions, remedies) = conditions(&before.conditions, observed_generation, verdict, works_on, now);
    let status = RedshiftUserProfileStatus { observed_generation, conditions, remedies };
    resources::write_status(pass, object, status).await
}

async fn write_source<W: World>(
    pass: &Pass<'_, W>,
    object: &RedshiftUserProfileSource,
    status: RedshiftUserProfileSourceStatus,
    verdict: &Verdict,
    works_on: bool,
) -> Result<(), Error> {
    let (observed_generation, now) = (generation(object.metadata.generation), pass.context.host.now());
    let (conditions, remedies) = conditions(&status.conditions, observed_generation, verdict, works_on, now);
    let status = RedshiftUserProfileSourceStatus { observed_generation, conditions, remedies, ..status };
    resources::write_status(pass, object, status).await
}
