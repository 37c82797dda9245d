-- New names wait in a list until they go into the index of parts of names, all at once, and the create that makes the list
-- too long does that for all of them: with PostgreSQL's own limit, 4 MB, it takes some 25 ms, and everybody waits.
-- ALTER INDEX waits for what reads or writes the table, and all others wait for it: for a moment, as it changes a setting.
-- migrate:up

ALTER INDEX strategies_name_trgm SET (gin_pending_list_limit = 1024); -- kB

-- migrate:down

ALTER INDEX strategies_name_trgm RESET (gin_pending_list_limit);
