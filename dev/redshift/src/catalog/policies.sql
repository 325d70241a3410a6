-- Row-level security and masking: policies are kept and shown, and not enforced.
-- https://docs.aws.amazon.com/redshift/latest/dg/t_rls.html, https://docs.aws.amazon.com/redshift/latest/dg/t_ddm.html

CREATE TABLE pg_catalog.rdsdb_policies (
    kind text, name text, input text, expression text, author name, changed timestamp, PRIMARY KEY (kind, name));
CREATE TABLE pg_catalog.rdsdb_attached (
    kind text, policy text, relation oid, columns text, grantee text, grantee_kind text, grantor name, priority integer);
CREATE TABLE pg_catalog.rdsdb_secured (relation oid PRIMARY KEY, conjunction text);

-- What a policy may do is only known on Redshift; who may make one: superusers and sys:secadmin.
CREATE PROCEDURE pg_catalog.rdsdb_need_secadmin(who name) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.rdsdb_is_superuser(who) AND NOT pg_has_role(who, 'sys:secadmin', 'member') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser or have the role sys:secadmin';
    END IF;
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_policy(who name, what text, of_kind text, policy text, replaces boolean, takes text, says text)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    is_there boolean := EXISTS (SELECT FROM pg_catalog.rdsdb_policies p WHERE p.kind = of_kind AND p.name = policy);
BEGIN
    CALL pg_catalog.rdsdb_need_secadmin(who);
    IF what = 'CREATE' AND is_there AND NOT replaces THEN
        RAISE EXCEPTION USING ERRCODE = '42710', MESSAGE = format('policy "%s" already exists', policy);
    END IF;
    IF what <> 'CREATE' AND NOT is_there THEN
        IF replaces THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('policy "%s" does not exist', policy);
    END IF;
    IF what = 'DROP' THEN
        IF EXISTS (SELECT FROM pg_catalog.rdsdb_attached a WHERE a.kind = of_kind AND a.policy = rdsdb_policy.policy) THEN
            RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = format('policy "%s" is attached to a relation', policy);
        END IF;
        DELETE FROM pg_catalog.rdsdb_policies p WHERE p.kind = of_kind AND p.name = policy;
        RETURN;
    END IF;
    INSERT INTO pg_catalog.rdsdb_policies AS p VALUES (of_kind, policy, takes, says, who, statement_timestamp())
    ON CONFLICT (kind, name) DO UPDATE SET expression = excluded.expression, changed = excluded.changed,
        input = coalesce(excluded.input, p.input);
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_attach(who name, attaches boolean, of_kind text, policy text, relations text[], of_columns text,
    kinds text[], grantees text[], priority integer)
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_catalog.rdsdb_need_secadmin(who);
    IF NOT EXISTS (SELECT FROM pg_catalog.rdsdb_policies p WHERE p.kind = of_kind AND p.name = policy) THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('policy "%s" does not exist', policy);
    END IF;
    FOR one IN 1 .. array_length(relations, 1) LOOP
        FOR at IN 1 .. array_length(grantees, 1) LOOP
            IF kinds[at] <> 'public' THEN
                PERFORM pg_catalog.rdsdb_identity(kinds[at], grantees[at]);
            END IF;
            DELETE FROM pg_catalog.rdsdb_attached a
            WHERE a.kind = of_kind AND a.policy = rdsdb_attach.policy AND a.relation = relations[one]::regclass
                AND a.grantee = grantees[at] AND a.columns IS NOT DISTINCT FROM of_columns;
            IF attaches THEN
                INSERT INTO pg_catalog.rdsdb_attached
                VALUES (of_kind, policy, relations[one]::regclass, of_columns, grantees[at], kinds[at], who, priority);
            END IF;
        END LOOP;
    END LOOP;
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_secure(who name, relation text, is_on boolean, conjunction text)
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(who, (SELECT relowner FROM pg_class WHERE oid = relation::regclass), 'member') THEN
        CALL pg_catalog.rdsdb_need_secadmin(who);
    END IF;
    DELETE FROM pg_catalog.rdsdb_secured s WHERE s.relation = rdsdb_secure.relation::regclass;
    IF is_on THEN
        INSERT INTO pg_catalog.rdsdb_secured VALUES (relation::regclass, conjunction);
    END IF;
END $$;

-- r_SVV_RLS_POLICY, r_SVV_RLS_ATTACHED_POLICY, r_SVV_RLS_RELATION, r_SVV_MASKING_POLICY, r_SVV_ATTACHED_MASKING_POLICY: who
-- has ACCESS SYSTEM TABLE sees them.
CREATE VIEW pg_catalog.svv_rls_policy AS
SELECT current_database()::text AS poldb, name AS polname, NULL::text AS polalias, input AS polatts, expression AS polqual, true AS polenabled,
    author::text AS polmodifiedby, changed AS polmodifiedtime
FROM pg_catalog.rdsdb_policies WHERE kind = 'RLS' AND pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE');
CREATE VIEW pg_catalog.svv_rls_attached_policy AS
SELECT n.nspname::text AS relschema, c.relname::text AS relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS relkind, a.policy AS polname,
    a.grantor::text AS grantor, a.grantee, a.grantee_kind AS granteekind, true AS is_pol_on,
    EXISTS (SELECT FROM pg_catalog.rdsdb_secured s WHERE s.relation = c.oid) AS is_rls_on
FROM pg_catalog.rdsdb_attached a JOIN pg_class c ON c.oid = a.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.kind = 'RLS' AND pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE');
CREATE VIEW pg_catalog.svv_rls_relation AS
SELECT current_database()::text AS datname, n.nspname::text AS relschema, c.relname::text AS relname,
    CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS relkind, true AS is_rls_on, false AS is_rls_datashare_on,
    s.conjunction AS rls_conjunction_type
FROM pg_catalog.rdsdb_secured s JOIN pg_class c ON c.oid = s.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE');
CREATE VIEW pg_catalog.svv_masking_policy AS
SELECT current_database()::text AS policy_database, name AS policy_name, input AS input_columns, expression AS policy_expression,
    author::text AS policy_modified_by, changed AS policy_modified_time
FROM pg_catalog.rdsdb_policies WHERE kind = 'MASKING' AND pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE');
CREATE VIEW pg_catalog.svv_attached_masking_policy AS
SELECT a.policy AS policy_name, n.nspname::text AS schema_name, c.relname::text AS table_name, 'table'::text AS table_type, a.grantor::text AS grantor,
    a.grantee, a.grantee_kind AS grantee_type, coalesce(a.priority, 0) AS priority, a.columns AS input_columns, a.columns AS output_columns
FROM pg_catalog.rdsdb_attached a JOIN pg_class c ON c.oid = a.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.kind = 'MASKING' AND pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE');

GRANT SELECT ON pg_catalog.svv_rls_policy, pg_catalog.svv_rls_attached_policy, pg_catalog.svv_rls_relation, pg_catalog.svv_masking_policy,
    pg_catalog.svv_attached_masking_policy TO PUBLIC;
