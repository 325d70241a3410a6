//! The objects of one database, and what changes them: all of it or nothing.

use std::collections::BTreeSet;

use super::others::MADE;
use super::statements::{literal, number_after, refuse};
use super::warehouse::{Database, Kind, Maker, Object};
use crate::api::DatabaseMode;
use crate::lifecycle::definitions::Definitions;
use crate::lifecycle::{Registry, RegistryState, Setup, UserId};

/// The objects of one database, and who changes them.
pub struct Objects<'a> {
    pub acting: u32,
    pub superuser: bool,
    pub may_create: bool,
    pub uid: &'a str,
    pub there: &'a mut Database,
}

impl Objects<'_> {
    pub fn create(&mut self, kind: Kind, schema: &str, name: &str) -> Result<(), String> {
        let key = (schema.to_owned(), name.to_owned());
        refuse(!self.there.objects.contains_key(&key), "it is there")?;
        if name.is_empty() {
            refuse(self.may_create, "permission denied for database")?;
        } else {
            self.owned(schema, "")?;
        }
        let maker = Maker::Integration(self.uid.to_owned());
        let text = if kind == Kind::Routine { MADE.to_owned() } else { String::new() };
        let object = Object { kind, owner: self.acting, maker, public: false, grantees: BTreeSet::new(), text };
        self.there.objects.insert(key, object);
        Ok(())
    }

    pub fn replace(&mut self, kind: Kind, schema: &str, name: &str) -> Result<(), String> {
        if !self.there.objects.contains_key(&(schema.to_owned(), name.to_owned())) {
            self.create(kind, schema, name)?;
        }
        MADE.clone_into(&mut self.owned(schema, name)?.text);
        Ok(())
    }

    pub fn owned(&mut self, schema: &str, name: &str) -> Result<&mut Object, String> {
        let object = self.there.objects.get_mut(&(schema.to_owned(), name.to_owned()));
        let object = object.ok_or_else(|| format!("no {schema}.{name}"))?;
        refuse(self.superuser || object.owner == self.acting, "must be owner")?;
        Ok(object)
    }

    pub fn open(&mut self, schema: &str, name: &str) -> Result<(), String> {
        self.owned(schema, name)?.public = true;
        Ok(())
    }

    pub fn close(&mut self, schema: &str, name: &str) -> Result<(), String> {
        self.owned(schema, name)?.public = false;
        Ok(())
    }

    /// Another column of the registry, which an older version doesn't have.
    pub fn add_column(&mut self) -> Result<(), String> {
        self.owned("immuta_system", "registry")?;
        let row = self.there.registry.as_ref().ok_or("the registry is empty")?;
        refuse(row.schema_version == 1, "the column is there")
    }

    pub fn keys(&mut self, keys: u64) -> Result<(), String> {
        self.owned("immuta_system", "impersonation_key")?;
        self.there.keys = keys;
        Ok(())
    }

    /// Without CASCADE. Whoever owns the schema may, too.
    pub fn drop(&mut self, schema: &str, name: &str) -> Result<(), String> {
        refuse(self.there.objects.contains_key(&(schema.to_owned(), name.to_owned())), "no such object")?;
        self.owned(schema, name).map(|_| ()).or_else(|_| self.owned(schema, "").map(|_| ()))?;
        let objects = &mut self.there.objects;
        if name.is_empty() {
            refuse(!objects.keys().any(|(other, name)| other == schema && !name.is_empty()), "it isn't empty")?;
        }
        if name == "user_profile" {
            refuse(!objects.values().any(|object| object.kind == Kind::Reader), "others depend on it")?;
            refuse(!objects.keys().any(|(_, name)| name == "user_entitlements"), "another view depends on it")?;
        }
        objects.remove(&(schema.to_owned(), name.to_owned()));
        if schema == "immuta_system" {
            self.there.policy.forget(name);
        }
        match name {
            "registry" => self.there.registry = None,
            "impersonation_key" => self.there.keys = 0,
            _ => {}
        }
        Ok(())
    }

    pub fn drop_if_there(&mut self, schema: &str, name: &str) -> Result<(), String> {
        let is_there = self.there.objects.contains_key(&(schema.to_owned(), name.to_owned()));
        if is_there { self.drop(schema, name) } else { Ok(()) }
    }

    pub fn change_registry(&mut self, name: &str, text: &str, database: &str) -> Result<(), String> {
        self.owned("immuta_system", "registry")?;
        let role = |role: String| (!role.is_empty()).then_some(role);
        if name == "write-registry-row" {
            let mode = if literal(text, 2) == "Create" { DatabaseMode::Create } else { DatabaseMode::Existing };
            self.there.registry = Some(Registry {
                integration_uid: literal(text, 0),
                state: RegistryState::Applying,
                fencing_counter: 1,
                schema_version: number_after(text, "'applying', 1,"),
                applied_hash: literal(text, 5),
                definitions: None,
                claim_user_id: None,
                setup: Setup {
                    database: database.to_owned(),
                    database_mode: mode,
                    system_account: literal(text, 3),
                    impersonation_role: role(literal(text, 4)),
                },
            });
            return Ok(());
        }
        let row = self.there.registry.as_mut().ok_or("the registry is empty")?;
        match name {
            "check-registry" => {
                let expected = (literal(text, 0), number_after(text, "max(fencing_counter) = "), literal(text, 1));
                let found = (row.integration_uid.clone(), row.fencing_counter, row.state.as_str().to_owned());
                return refuse(expected == found, "the registry has changed");
            }
            "write-definitions" => {
                let expected = (literal(text, 2), number_after(text, "fencing_counter = "));
                if expected == (row.integration_uid.clone(), row.fencing_counter)
                    && row.state == RegistryState::Complete
                {
                    row.definitions = Definitions::parse(&literal(text, 0));
                    row.claim_user_id = Some(literal(text, 1)).filter(|id| !id.is_empty()).map(UserId::new);
                }
                return Ok(());
            }
            "write-mended" | "write-rotated" => {}
            "write-schema-version" => row.schema_version = number_after(text, "schema_version = "),
            "write-policy-views" => {
                row.schema_version = number_after(text, "schema_version = ");
                row.definitions = None;
            }
            "complete-registry" => {
                let version = number_after(text, "schema_version = greatest(schema_version, ");
                row.schema_version = row.schema_version.max(version);
                (row.definitions, row.claim_user_id) = (None, None);
                row.state = RegistryState::Complete;
                row.setup.system_account = literal(text, 1);
                row.setup.impersonation_role = role(literal(text, 2));
                row.applied_hash = literal(text, 3);
            }
            "write-new-owner" => row.integration_uid = literal(text, 0),
            "write-deleting" => row.state = RegistryState::Deleting,
            "write-taken-back" => {
                let applied = !row.applied_hash.is_empty();
                row.state = if applied { RegistryState::Complete } else { RegistryState::Applying };
            }
            other => panic!("the model doesn't know the statement {other}"),
        }
        row.fencing_counter += 1;
        Ok(())
    }
}
