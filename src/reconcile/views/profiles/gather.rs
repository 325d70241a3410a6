//! Who is named where. Profiles aren't kept: of each there are digests, and those that are to be written are read once more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kube::ResourceExt;
use sha2::{Digest as _, Sha256};

use super::super::observe::{self, HeldProfile};
use super::super::{Pass, line::Line};
use super::files;
use crate::api::{
    CONFIRM_REMOVAL_ANNOTATION, Reason, RedshiftUserProfile, RedshiftUserProfileSource, RefusedUser, Remedy,
};
use crate::lifecycle::{Failure, word};
use crate::policy::profiles::read::{Record, read};
use crate::policy::profiles::{Digests, Held, Profile, Roster, difference, must_ask};
use crate::ports::{Host, Key, World};
use crate::reconcile::integration::Error;
use crate::scripts::hex;

/// Most users of one integration. The warehouse's profiles and their sums, about 270 bytes a user, come over one connection, which
/// brings 12 MiB at most.
const MOST_USERS: usize = 40_000;

/// Most that is read of one source, decompressed or not.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Most users without a profile that a status lists.
const MOST_REFUSED: usize = 20;

/// Where a user is named.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Spot {
    /// Which resource: those of one user first, then the sources.
    pub origin: u32,
    /// Which file of a source.
    pub file: u32,
    /// Which line of it.
    pub line: u64,
}

/// A user of a file, with what is compared: digests, the sum of entitlements, and where it stands.
type Found = (String, Digests, Option<(i64, i64)>, Spot);

/// What came of one source.
#[derive(Default)]
pub struct Gathered {
    /// The files, by the `ConfigMap` that each is in.
    pub files: Vec<(String, String)>,
    /// Users of it who have a profile.
    pub users: u32,
    /// SHA-256 (hex) of them and of what they have.
    pub content_hash: String,
    /// Users of it who have none.
    pub refused: Vec<RefusedUser>,
    /// How many they are.
    pub refused_count: u32,
    /// Why nothing of it counts.
    pub failure: Option<Failure>,
}

impl Gathered {
    fn refuse(&mut self, user: String, at: String, reason: String) {
        self.refused_count = self.refused_count.saturating_add(1);
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(RefusedUser { user, at, reason });
        }
    }
}

/// The profiles of a pass.
pub struct Profiles {
    /// The resources of one user each, and what is wrong with them.
    pub single: Vec<(Arc<RedshiftUserProfile>, Option<Failure>)>,
    /// The sources, and what came of them.
    pub sources: Vec<(Arc<RedshiftUserProfileSource>, Gathered)>,
    /// Who is to have which profile, and where that stands.
    pub wanted: BTreeMap<String, (Digests, Spot)>,
    sums: HashMap<String, (i64, i64)>,
    roster: Roster<Spot>,
    /// How many records were read, whatever came of them.
    records: usize,
    /// Whether rows of entitlements are compared too.
    is_thorough: bool,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Difference {
    /// Whose profile goes.
    pub removed: BTreeSet<String>,
    /// Whose profile is written.
    pub written: BTreeSet<String>,
}

impl Difference {
    /// Whether the warehouse holds what is wanted.
    pub fn is_nothing(&self) -> bool {
        self.removed.is_empty() && self.written.is_empty()
    }
}

/// How a resource is known in the warehouse, beside each user that it names.
fn origin_of_profile(profile: &RedshiftUserProfile) -> String {
    format!("p:{}", profile.name_any())
}

fn origin_of_source(source: &RedshiftUserProfileSource) -> String {
    format!("s:{}", source.name_any())
}

impl Profiles {
    /// Reads all that names users.
    pub async fn gather<W: World>(pass: &Pass<'_, W>) -> Result<Self, Error> {
        let resources = &pass.resources;
        let single = resources.profiles.iter().filter(|it| it.metadata.deletion_timestamp.is_none());
        let sources = resources.profile_sources.iter().filter(|it| it.metadata.deletion_timestamp.is_none());
        let mut profiles = Self {
            single: single.map(|profile| (profile.clone(), None)).collect(),
            sources: sources.map(|source| (source.clone(), Gathered::default())).collect(),
            wanted: BTreeMap::new(),
            sums: HashMap::new(),
            roster: Roster::default(),
            records: 0,
            is_thorough: is_thorough(pass),
        };
        profiles.read_single();
        for index in 0..profiles.sources.len() {
            profiles.read_source(pass, index).await?;
        }
        profiles.tell_duplicates();
        profiles.sum_up();
        Ok(profiles)
    }

    fn want(&mut self, profile: &Profile, spot: Spot) {
        if self.is_thorough {
            self.sums.insert(profile.user().to_owned(), profile.checksum());
        }
        self.wanted.insert(profile.user().to_owned(), (profile.digests(), spot));
    }

    fn read_single(&mut self) {
        for index in 0..self.single.len() {
            let spot = Spot { origin: u32::try_from(index).unwrap_or(u32::MAX), file: 0, line: 0 };
            let (object, _) = &self.single[index];
            self.records += 1;
            self.roster.enter(&object.spec.user, spot);
            match profile_of(object) {
                Ok(profile) => self.want(&profile, spot),
                Err(flaw) => self.single[index].1 = Some(Failure::stalled(Reason::InvalidProfile, flaw)),
            }
        }
    }

    fn origin_of(&self, source: usize) -> u32 {
        u32::try_from(self.single.len() + source).unwrap_or(u32::MAX)
    }

    async fn read_source<W: World>(&mut self, pass: &Pass<'_, W>, index: usize) -> Result<(), Error> {
        let kubernetes = &pass.context.kubernetes;
        let source = self.sources[index].0.clone();
        let origin = self.origin_of(index);
        let names = files::config_maps(kubernetes, &source).await?;
        let mut gathered = Gathered::default();
        if names.is_empty() {
            let message = "no ConfigMap of the namespace has the labels in spec.configMaps.selector";
            gathered.failure = Some(Failure::stalled(Reason::FilesMissing, message));
        }
        let (mut found, mut bytes) = (Vec::new(), 0);
        for name in names {
            let files = match files::read(kubernetes, &source, &name).await? {
                Ok(files) => files,
                Err(failure) => {
                    gathered.failure = Some(failure);
                    break;
                }
            };
            for file in files {
                let number = u32::try_from(gathered.files.len()).unwrap_or(u32::MAX);
                gathered.files.push((name.clone(), file.name.clone()));
                bytes += file.content.len();
                let failure =
                    self.read_file(&source, &file, Spot { origin, file: number, line: 0 }, &mut gathered, &mut found);
                gathered.failure = gathered.failure.take().or(failure);
                if bytes > MOST_BYTES {
                    gathered.failure.get_or_insert(too_many());
                }
            }
            if gathered.failure.is_some() {
                break;
            }
        }
        // A file that can't be read whole says nothing for certain of anybody.
        if gathered.failure.is_none() {
            for (user, digests, sum, spot) in found {
                if let Some(sum) = sum {
                    self.sums.insert(user.clone(), sum);
                }
                self.wanted.insert(user, (digests, spot));
            }
        }
        self.sources[index].1 = gathered;
        Ok(())
    }

    fn read_file(
        &mut self,
        source: &RedshiftUserProfileSource,
        file: &files::File,
        spot: Spot,
        gathered: &mut Gathered,
        found: &mut Vec<Found>,
    ) -> Option<Failure> {
        for record in read(source.spec.format, &file.name, &file.content) {
            let record = match record {
                Ok(record) => record,
                Err(unreadable) => return Some(Failure::stalled(Reason::FilesUnreadable, unreadable.to_string())),
            };
            let spot = Spot { line: record.line, ..spot };
            if let Some(user) = record.user() {
                self.roster.enter(user, spot);
            }
            match record {
                Record { profile: Ok(profile), .. } => {
                    let sum = self.is_thorough.then(|| profile.checksum());
                    found.push((profile.user().to_owned(), profile.digests(), sum, spot));
                }
                Record { profile: Err(refused), line } => {
                    let at = format!("{}, line {line}", file.name);
                    gathered.refuse(refused.shown, at, refused.reason.to_string());
                }
            }
            self.records += 1;
            if self.records > MOST_USERS {
                return Some(too_many());
            }
        }
        None
    }

    /// Who is named twice has no profile, and everybody who names him is told.
    fn tell_duplicates(&mut self) {
        let repeated: Vec<_> = self
            .roster
            .repeated()
            .into_iter()
            .map(|(user, spots, number)| (user.to_owned(), spots.to_vec(), number))
            .collect();
        for (user, spots, number) in repeated {
            self.wanted.remove(&user);
            let places: Vec<_> = spots.iter().map(|spot| self.describe(*spot)).collect();
            let more = number.saturating_sub(places.len() as u64);
            let all = if more > 0 { format!("{} and {more} more", places.join("; ")) } else { places.join("; ") };
            let reason = format!("named more than once, and so without a profile: {all}");
            let mut told = BTreeSet::new();
            for spot in spots {
                let origin = spot.origin as usize;
                if !told.insert(origin) {
                    continue;
                }
                if let Some((_, failure)) = self.single.get_mut(origin) {
                    *failure = Some(Failure::stalled(Reason::DuplicateUser, format!("{user} is {reason}")));
                } else {
                    let at = self.describe(spot);
                    let single = self.single.len();
                    self.sources[origin - single].1.refuse(user.clone(), at, reason.clone());
                }
            }
        }
    }

    /// A place, for people.
    pub fn describe(&self, spot: Spot) -> String {
        let origin = spot.origin as usize;
        if let Some((object, _)) = self.single.get(origin) {
            return format!("RedshiftUserProfile {}", object.name_any());
        }
        let (object, gathered) = &self.sources[origin - self.single.len()];
        let file = gathered.files.get(spot.file as usize).map_or("", |(_, file)| file.as_str());
        format!("RedshiftUserProfileSource {}: {file}, line {}", object.name_any(), spot.line)
    }

    fn sum_up(&mut self) {
        let single = self.single.len();
        let mut hashes: Vec<_> = self.sources.iter().map(|_| (0_u32, Sha256::new())).collect();
        for (user, (digests, spot)) in &self.wanted {
            if let Some((users, hash)) = (spot.origin as usize).checked_sub(single).and_then(|at| hashes.get_mut(at)) {
                *users += 1;
                hash.update(format!("{user}\n{}\n{}\n", digests.groups, digests.attributes));
            }
        }
        for ((_, gathered), (users, hash)) in self.sources.iter_mut().zip(hashes) {
            gathered.users = users;
            gathered.content_hash = hex(&hash.finalize());
        }
    }

    /// How the resource of a place is known in the warehouse.
    pub fn origin_name(&self, spot: Spot) -> String {
        let origin = spot.origin as usize;
        match self.single.get(origin) {
            Some((object, _)) => origin_of_profile(object),
            None => origin_of_source(&self.sources[origin - self.single.len()].0),
        }
    }

    /// What differs from what the warehouse holds. What others have written there isn't ours to remove.
    pub async fn compare<W: World>(&mut self, line: &Line<W>) -> Result<Difference, Error> {
        let held = observe::profiles(line).await?;
        self.ask_for_removals(&held);
        let frozen: BTreeSet<_> = self
            .sources
            .iter()
            .filter(|(_, gathered)| gathered.failure.is_some())
            .map(|(source, _)| origin_of_source(source))
            .collect();
        let origins: HashMap<_, _> =
            held.iter().filter_map(|it| Some((it.user.as_str(), it.origin.as_deref()?))).collect();
        let is_frozen = |user: &str| origins.get(user).is_some_and(|origin| frozen.contains(*origin));
        let digests: BTreeMap<_, _> = self.wanted.iter().map(|(user, (digests, _))| (user.clone(), *digests)).collect();
        let same_origin = |it: &HeldProfile| match (self.wanted.get(&it.user), &it.origin) {
            (Some((_, spot)), Some(origin)) => self.origin_name(*spot) == *origin,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let ours = held.iter().filter(|it| it.origin.is_some() || digests.contains_key(&it.user));
        let rows = ours.map(|it| Held {
            user: it.user.clone(),
            // Named by another resource now.
            digests: it.digests.filter(|_| same_origin(it)),
        });
        let found = difference(rows, &digests);
        let mut difference = Difference { removed: found.removed, written: found.written };
        if self.is_thorough {
            let sums = observe::entitlement_sums(line).await?;
            difference.written.extend(
                self.sums
                    .iter()
                    .filter(|(user, sum)| digests.contains_key(*user) && sums.get(*user) != Some(sum))
                    .map(|(user, _)| user.clone()),
            );
            let is_orphan = |user: &&String| !digests.contains_key(*user) && !origins.contains_key(user.as_str());
            difference.removed.extend(sums.keys().filter(is_orphan).cloned());
        }
        difference.removed.retain(|user| !is_frozen(user));
        difference.written.retain(|user| !is_frozen(user) && !self.is_of_frozen(user));
        Ok(difference)
    }

    fn is_of_frozen(&self, user: &str) -> bool {
        let single = self.single.len();
        let source = |spot: Spot| self.sources.get((spot.origin as usize).checked_sub(single)?);
        self.wanted
            .get(user)
            .and_then(|(_, spot)| source(*spot))
            .is_some_and(|(_, gathered)| gathered.failure.is_some())
    }

    /// A source that loses many users at once asks first: an export that broke off looks like that.
    fn ask_for_removals(&mut self, held: &[HeldProfile]) {
        for index in 0..self.sources.len() {
            let (source, gathered) = &self.sources[index];
            if gathered.failure.is_some() {
                continue;
            }
            let origin = origin_of_source(source);
            let had: Vec<_> = held.iter().filter(|it| it.origin.as_deref() == Some(origin.as_str())).collect();
            let gone = had.iter().filter(|it| !self.wanted.contains_key(&it.user)).count() as u64;
            if !must_ask(had.len() as u64, gone, source.spec.max_removed_percent) {
                continue;
            }
            let confirmation = source.annotations().get(CONFIRM_REMOVAL_ANNOTATION);
            if confirmation.is_some_and(|given| word::fits(given, &gathered.content_hash)) {
                continue;
            }
            let message = format!(
                "{gone} of {} users would lose their profiles; nothing of this source is changed until that is confirmed",
                had.len()
            );
            let Key { namespace, name } = Key::of(&**source);
            let failure = Failure::stalled(Reason::RemovalUnconfirmed, message)
                .remedy(Remedy::new("if the export was cut off, make it again"))
                .remedy(Remedy::command(
                    "if it is right",
                    format!(
                        "kubectl -n {namespace} annotate rsups {name} --overwrite {CONFIRM_REMOVAL_ANNOTATION}={}",
                        gathered.content_hash
                    ),
                ));
            self.sources[index].1.failure = Some(failure);
        }
    }
}

fn too_many() -> Failure {
    let message = format!("more than {MOST_USERS} users, or 256 MiB of files, are more than an integration takes");
    Failure::stalled(Reason::FilesUnreadable, message)
}

/// What a resource of one user says.
pub fn profile_of(object: &RedshiftUserProfile) -> Result<Profile, String> {
    let spec = &object.spec;
    let attributes = spec.attributes.iter().map(|it| (it.name.clone(), it.values.clone()));
    Profile::new(spec.user.clone(), spec.groups.iter().cloned(), attributes).map_err(|flaw| flaw.to_string())
}

/// Once an hour, each integration at its own time.
fn is_thorough<W: World>(pass: &Pass<'_, W>) -> bool {
    let Some(before) = super::super::basis::looked_at(pass.context, pass.key) else { return false };
    let hour = |at: std::time::Duration| at.as_secs() / 3_600;
    hour(pass.context.host.elapsed()) != hour(before)
}
