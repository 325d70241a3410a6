-- edit: what an edit changes among users and roles, as the account that sets things up.
--
-- A superuser does an edit in one transaction in {{database}}, and drops after it what goes; a lesser
-- account does this part in {{initial_database}}, in transactions of its own, and the rest is done as
-- the system account.

--= become-system-account

--! become-system-account
-- What is created from here on belongs to the system account. Superusers alone may do this.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SET_SESSION_AUTHORIZATION.html
SET SESSION AUTHORIZATION {{system_account}};

--= become-admin

--! become-admin
SET SESSION AUTHORIZATION DEFAULT;

--= rename-account

--! rename-system-account
-- A new name makes the old password worthless, since the name is a part of its digest.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
ALTER USER {{former_name}} RENAME TO {{new_name}};

--! set-password-of-renamed-account
ALTER USER {{new_name}} PASSWORD {{system_account_password}};

--= rename-role

--! rename-role
-- Members and grants stay.
ALTER ROLE {{former_name}} RENAME TO {{new_name}};

--= grant-role-to-member

--! grant-role-to-user
--? user
GRANT ROLE {{role}} TO {{member}};

--! grant-role-to-administrator
--? administrator
GRANT ROLE {{role}} TO {{member}} WITH ADMIN OPTION;

--! grant-role-to-role
--? role
GRANT ROLE {{role}} TO ROLE {{member}};

--= drop-role

--! drop-role
-- With FORCE: its members are no obstacle; they were listed before.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_ROLE.html
DROP ROLE {{role}} FORCE;

-- After the passwords were lost, or with a take-over: a superuser sets new ones.

--= set-passwords

--! set-password-of-claim
ALTER USER redshift_governance_claim PASSWORD {{claim_password}};

--! set-password-of-system-account
ALTER USER {{system_account}} PASSWORD {{system_account_password}};
