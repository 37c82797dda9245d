-- migrate:up
CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);
DO $do$ BEGIN PERFORM 1; END $do$;
-- migrate:down
