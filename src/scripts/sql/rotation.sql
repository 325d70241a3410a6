-- rotation: new passwords of the users that the operator has made.
--
-- Each changes its own, which everybody may; nobody else's credentials are needed.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html

--= change-own-password

--! change-own-password
-- In the transaction behind the registry's lock.
ALTER USER {{system_account}} PASSWORD {{system_account_password}};

--= change-own-password-of-claim

--! change-own-password-of-claim
-- On a connection of the claim's own, to {{initial_database}}, while the system account holds the lock.
ALTER USER redshift_governance_claim PASSWORD {{claim_password}};
