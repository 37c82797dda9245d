-- migrate:up
BEGIN; COPY t FROM STDIN; COMMIT;
-- migrate:down
\d
