//! What the statements of `views.sql` do to the warehouse, but for those on profiles.

use super::super::statements::{identifier, literal, refuse};
use super::super::warehouse::{Kind, Object, Warehouse};
use super::tables::Shown;
use super::{NAME, SCHEMA};

/// The query behind a view.
fn query(text: &str) -> String {
    let (_, query) = text.split_once(" AS\n").unwrap_or_default();
    query.split("\nWITH NO SCHEMA BINDING").next().unwrap_or_default().to_owned()
}

impl Warehouse {
    /// Executes a statement of views; nothing if it is none.
    pub fn change_views(
        &mut self,
        acting: u32,
        database: &str,
        uid: &str,
        name: &str,
        text: &str,
    ) -> Option<Result<(), String>> {
        let done = match name {
            "probe-view" => self.probe_view(database, text),
            "probe-table" => {
                let named = [0, 1, 2].map(|n| identifier(text, n));
                let [database, schema, name] = named;
                self.read_table(&(database, schema, name), [])
            }
            _ if name.starts_with("grant-use-of-view-schema-to-") => {
                self.let_in(acting, database, text, name.rsplit_once('-')?.1, true)
            }
            _ if name.starts_with("grant-view-to-") => {
                self.let_in(acting, database, text, name.rsplit_once('-')?.1, false)
            }
            _ if name.starts_with("revoke-view-schema-from-") => {
                self.shut_out(acting, database, text, name.rsplit_once('-')?.1, true)
            }
            _ if name.starts_with("revoke-view-from-") => {
                self.shut_out(acting, database, text, name.rsplit_once('-')?.1, false)
            }
            "write-policy-views-changed"
            | "create-view-schema"
            | "drop-view-schema"
            | "create-view"
            | "replace-view"
            | "drop-policy-view"
            | "forget-data-source"
            | "write-data-source" => self.change_contents_of_views(acting, database, uid, name, text),
            _ => return None,
        };
        Some(done)
    }

    fn change_contents_of_views(
        &mut self,
        acting: u32,
        database: &str,
        uid: &str,
        name: &str,
        text: &str,
    ) -> Result<(), String> {
        let mut contents = self.contents(acting, database, uid)?;
        let (schema, view) = (identifier(text, 0), identifier(text, 1));
        match name {
            "write-policy-views-changed" => {
                contents.owned("immuta_system", "registry")?;
                contents.there.registry.as_mut().ok_or("the registry is empty")?.fencing_counter += 1;
                Ok(())
            }
            "create-view-schema" => contents.create(Kind::Schema, &schema, ""),
            "drop-view-schema" => contents.drop(&schema, ""),
            "create-view" => {
                contents.create(Kind::View, &schema, &view)?;
                contents.owned(&schema, &view)?.text = query(text);
                Ok(())
            }
            "replace-view" => {
                let (before, after) = (contents.owned(&schema, &view)?, query(text));
                refuse(before.kind == Kind::View, "42809: it is not a view")?;
                let names = |text: &str| Shown::read(text, database).map(|shown| shown.names);
                refuse(names(&before.text) == names(&after), "42P16: cannot change name of view column")?;
                before.text = after;
                Ok(())
            }
            "drop-policy-view" => contents.drop(&schema, &view),
            "forget-data-source" => {
                contents.owned("immuta_system", "data_source")?;
                let named = [literal(text, 0), literal(text, 1)];
                contents.there.policy.sources.retain(|row| row[SCHEMA..=NAME] != named);
                Ok(())
            }
            _ => {
                contents.owned("immuta_system", "data_source")?;
                let texts: Vec<_> = text.split('\'').collect();
                let is_ours = texts[22].trim_matches([',', ' ', '\n']).to_owned();
                let mut row: Vec<_> = (0..10).map(|n| literal(text, n)).collect();
                row.extend([is_ours, literal(text, 10)]);
                contents.there.policy.sources.push(row.try_into().unwrap());
                Ok(())
            }
        }
    }

    fn probe_view(&self, database: &str, text: &str) -> Result<(), String> {
        let key = (identifier(text, 0), identifier(text, 1));
        let here = self.databases.get(database).ok_or("no such database")?;
        let view = here.objects.get(&key).ok_or("42P01: relation does not exist")?;
        let shown = Shown::read(&view.text, database).ok_or("it is no view of ours")?;
        self.read_table(&shown.table, shown.stored)
    }

    /// What a statement grants something on, or revokes it from: the owner's alone to say.
    fn granted_on(&mut self, acting: u32, database: &str, text: &str, is_schema: bool) -> Result<&mut Object, String> {
        let superuser = self.is_superuser(acting);
        let there = self.databases.get_mut(database).ok_or("no such database")?;
        let key = (identifier(text, 0), if is_schema { String::new() } else { identifier(text, 1) });
        let object = there.objects.get_mut(&key).ok_or("42P01: it does not exist")?;
        refuse(superuser || object.owner == acting, "42501: permission denied: must be owner")?;
        Ok(object)
    }

    fn grantee(&self, text: &str, whom: &str, is_schema: bool) -> Result<String, String> {
        let name = identifier(text, if is_schema { 1 } else { 2 });
        let is_there = match whom {
            "user" => self.users.contains_key(&name),
            "role" => self.roles.contains_key(&name),
            _ => false,
        };
        refuse(is_there, &format!("42704: {whom} \"{name}\" does not exist"))?;
        Ok(name)
    }

    fn let_in(&mut self, acting: u32, database: &str, text: &str, whom: &str, is_schema: bool) -> Result<(), String> {
        if whom == "public" {
            self.granted_on(acting, database, text, is_schema)?.public = true;
        } else {
            let grantee = self.grantee(text, whom, is_schema)?;
            self.granted_on(acting, database, text, is_schema)?.grantees.insert(grantee);
        }
        Ok(())
    }

    fn shut_out(&mut self, acting: u32, database: &str, text: &str, whom: &str, is_schema: bool) -> Result<(), String> {
        if whom == "public" {
            self.granted_on(acting, database, text, is_schema)?.public = false;
        } else {
            let grantee = self.grantee(text, whom, is_schema)?;
            self.granted_on(acting, database, text, is_schema)?.grantees.remove(&grantee);
        }
        Ok(())
    }
}
