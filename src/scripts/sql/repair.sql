-- repair: what mends what others have changed of ours.
--
-- In {{database}} as {{system_account}}, which owns it; changes of owners, and the role, as a superuser. What
-- was made by statements of other files is made by them again.

--= close-schema

--! revoke-create-on-schema-from-public
REVOKE CREATE ON SCHEMA {{schema}} FROM PUBLIC;

--= close-relation

--! revoke-relation-from-public
REVOKE ALL PRIVILEGES ON {{schema}}.{{object}} FROM PUBLIC;

--= close-procedure

--! revoke-procedure-from-public
REVOKE EXECUTE ON PROCEDURE {{schema}}.{{object}}(VARCHAR) FROM PUBLIC;

--= revoke-procedure

--! revoke-procedure-from-user
--? user
REVOKE ALL PRIVILEGES ON PROCEDURE {{schema}}.{{object}}(VARCHAR) FROM {{member}};

--! revoke-procedure-from-role
--? role
REVOKE ALL PRIVILEGES ON PROCEDURE {{schema}}.{{object}}(VARCHAR) FROM ROLE {{member}};

--= give-schema

--! give-schema-to-system-account
ALTER SCHEMA {{schema}} OWNER TO {{system_account}};

--= give-relation

--! give-relation-to-system-account
-- A view too. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
ALTER TABLE {{schema}}.{{object}} OWNER TO {{system_account}};

--= give-procedure

--! give-procedure-to-system-account
ALTER PROCEDURE {{schema}}.{{object}}(VARCHAR) OWNER TO {{system_account}};

--= grant-role-again

--! grant-role-to-system-account-again
GRANT ROLE {{impersonation_role}} TO {{system_account}} WITH ADMIN OPTION;
